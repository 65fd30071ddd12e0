"""Shell text: what it exports, which vendors' commands it runs, and the files it writes on the way."""

from __future__ import annotations

import re
from collections.abc import Iterator

from freehold.estate.scan import knowledge as know
from freehold.estate.scan import textual
from freehold.estate.scan.configs import Clue, ConfigFile, Setting, expression, interpret
from freehold.estate.scan.report import State
from freehold.estate.scan.tree import Node

_EXPORT = re.compile(
    r"(?:^|;|&&|\s)(?:export\s+|--from-literal=|-e\s+|--env\s+)?([A-Z][A-Z0-9_]{2,})=(\"[^\"]*\"|'[^']*'|\S*)"
)
_MAKE_SET = re.compile(r"^([A-Z][A-Z0-9_]*)\s*[:?+]?=\s*(.*)$")
_DEFAULT = re.compile(r"\$\{([A-Z][A-Z0-9_]{2,}):?[=-]([^}$]+)\}")
_TARGET = re.compile(r"^[\w.%/ -]+:(?!=)[^;#=]*;\s*(.+)$")
_PREFIXED_FLAG = re.compile(r"\s--?[\w-]+[= ]([a-z][a-z_-]+[:/][\w.:/-]+)")
_URL = re.compile(r"https?://[^\s\"'\\)]+")
_SENDS = re.compile(r"\b(curl|wget|http|https|xh)\s")
_FLAG = re.compile(r"--(?:region|location)[= ]([\w-]+)")
_MODEL = re.compile(r"--model(?:-id)?[= ]([\w.:/@-]+)|\"model\"\s*:\s*\"([^\"]+)\"")
_SETS = re.compile(r"--set(?:-string)?[= ]([\w.]+)=(\S+)")
_TF_SET = re.compile(r"-var[= ]['\"]?(\w+)=([^'\"\s]+)")
_COMMANDS: tuple[tuple[re.Pattern[str], know.Client], ...] = (
    (re.compile(r"\baws\s+(bedrock-runtime|bedrock-agent-runtime)\s"), know.PROVIDERS["bedrock"]),
    (re.compile(r"\baws\s+sagemaker-runtime\s"), know.PROVIDERS["sagemaker"]),
    (re.compile(r"\bgcloud\s+ai\s+(endpoints|models)\s+(raw-)?predict\b"), know.PROVIDERS["vertex"]),
    (re.compile(r"\bollama\s+(run|serve)\b"), know.PROVIDERS["ollama"]),
    (re.compile(r"\bvllm\s+serve\b"), know.PROVIDERS["vllm"]),
    (re.compile(r"(^|[|;&]\s*)claude\s+(-p|--print)\b"), know.PROVIDERS["anthropic"]),
)
_LLM = re.compile(r"(?:^|[|;&]\s*)llm\s+(?:\S+\s+)*?-m\s+(\S+)")


def read_script(text: str, line: int = 1) -> tuple[list[Clue], list[Setting]]:
    clues: list[Clue] = []
    settings: list[Setting] = []
    for number, command in textual.commands(text, line):
        settings.extend(_settings(number, command))
        clues.extend(_clues(number, command))
    for command, body, first in textual.heredocs(text, line):
        inner = _heredoc(command, body, first)
        if inner is not None:
            clues.extend(inner.clues)
            settings.extend(inner.settings)
    return clues, settings


def _settings(line: int, command: str) -> Iterator[Setting]:
    if command.lstrip("@-").startswith(("echo ", "printf ")) and ">" not in command:
        return  # said, not set
    for match in _EXPORT.finditer(command):
        value = Node(line, text=textual.plain(match[2]))
        yield Setting(name=f"env:{match[1]}", line=line, value=expression(value), value_line=line)
    for match in _DEFAULT.finditer(command):
        value = Node(line, text=textual.plain(match[2]))
        yield Setting(name=f"env:{match[1]}", line=line, value=expression(value), value_line=line)
    for match in _TF_SET.finditer(command):
        yield Setting(
            name=f"var:{match[1]}", line=line, value=expression(Node(line, text=match[2])), value_line=line
        )


def _clues(line: int, command: str) -> Iterator[Clue]:
    stripped = command.removeprefix("@").lstrip("-").lstrip()
    if stripped.startswith(("echo ", "printf ")):
        return
    region, model = _FLAG.search(command), _MODEL.search(command)
    said = (model[1] or model[2]) if model else None
    for pattern, client in _COMMANDS:
        if ran := pattern.search(command):
            yield _clue(line, client, "used", ran[0].strip(), said, region[1] if region else None)
            return
    if match := _LLM.search(command):
        named = know.client_of_model(match[1]) or know.Client(know.UNKNOWN, "openai")
        yield _clue(line, named, "used", "llm -m", match[1], None)
    if _SENDS.search(command):
        for url in _URL.findall(command):
            found = know.client_of_url(url)
            if found is not None:
                yield _clue(line, found, "used", url, said, None)
                return
    for key, value in _SETS.findall(command):
        chosen = know.client_of_model(value) or know.client_of_prefixed(value)
        if chosen is not None and key.lower().endswith("model"):
            yield _clue(line, chosen, "configured", f"--set {key}", value, None)
    for value in _PREFIXED_FLAG.findall(command):
        named_so = know.client_of_prefixed(value)
        if named_so is not None and know.client_of_model(know.bare_model(value)):
            yield _clue(line, named_so, "configured", value, value, None)
    for key, value in _TF_SET.findall(command):
        if "bedrock" in key:
            yield _clue(line, know.PROVIDERS["bedrock"], "configured", f"-var {key}", None, value)


def _clue(
    line: int, client: know.Client, state: State, what: str, model: str | None, region: str | None
) -> Clue:
    return Clue(
        line=line, vendor=client.vendor, api=client.api, state=state, what=what, model=model, region=region
    )


def _heredoc(command: str, body: str, line: int) -> ConfigFile | None:
    """A file written by the script, by what it is called."""
    from freehold.estate.scan import flow, yamlish

    head = command.partition("<<")[0] + command.partition("<<")[2]
    if re.search(r"\.ya?ml\b|kubectl", head):
        return interpret("heredoc.yaml", yamlish.parse(body, line), read_script)
    if re.search(r"\.env\b|environment\b", head):
        return interpret("heredoc.env", textual.dotenv(body, line), read_script)
    if re.search(r"\.(json|tf|tfvars|hcl)\b", head):
        return interpret("heredoc.json", flow.parse(body, line), read_script)
    return None


def python_heredocs(text: str) -> Iterator[tuple[str, int]]:
    """Python given to an interpreter on the spot."""
    for command, body, first in textual.heredocs(text):
        if re.search(r"\b(python3?|uv run)\b", command):
            yield body, first


def makefile(text: str) -> ConfigFile:
    """Variables, and recipes as shell. A recipe's comment after ## is help."""
    root = Node(1)
    file = ConfigFile(path="", root=root, clues=[], settings=[])
    for number, raw in enumerate(text.splitlines(), 1):
        one_line = _TARGET.match(raw)
        if raw.startswith("\t") or one_line:
            recipe = one_line[1] if one_line else raw.strip()
            clues, settings = read_script(recipe.lstrip("@-"), number)
            file.clues.extend(clues)
            file.settings.extend(settings)
        elif match := _MAKE_SET.match(raw):
            value = Node(number, text=textual.plain(match[2]))
            client = know.client_of_model(value.text or "")
            if client is not None:
                file.clues.append(
                    _clue(number, client, "configured", f"{match[1]} = {value.text}", value.text, None)
                )
    return file
