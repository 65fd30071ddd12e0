"""The whole pass: walk, read what speaks of models, follow values, report.

Two rounds of reading. The first takes files that name a vendor, a library or a model. The second takes
files that only set a name which the first round's code reads, such as a region in a deployment file.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import msgspec

from freehold.errors import InputError
from freehold.estate.scan import configs, credentials, javascript, manifest, notebook, python, shell, walk
from freehold.estate.scan import knowledge as know
from freehold.estate.scan.configs import Clue, ConfigFile
from freehold.estate.scan.expr import Dark, Either, Env, Expr, Item, Join, Module, Ref
from freehold.estate.scan.findings import collect
from freehold.estate.scan.report import Credential, Report, Skipped
from freehold.estate.scan.resolve import Sources
from freehold.estate.scan.tree import Node, TooDeepError
from freehold.estate.scan.walk import File

PARALLEL_FROM_FILES = 1500
CHUNK_FILES = 200
CONFIG_KINDS = frozenset({"json", "yaml", "template", "toml", "hcl", "docker", "dotenv", "sql"})
Progress = Callable[[int, int], None]


class Parsed(msgspec.Struct):
    """What one file gave."""

    path: str
    modules: list[Module] = []
    configs: list[ConfigFile] = []
    declared: list[manifest.Declared] = []
    credentials: list[Credential] = []
    skipped: list[Skipped] = []
    read: bool = False


def scan(root: Path, *, progress: Progress | None = None, processes: int | None = None) -> Report:
    """Find the AI dependencies below `root`. `progress` is told (files done, files known)."""
    if not root.is_dir():
        raise InputError(
            f"{walk.show(str(root))!r} is not a folder",
            why="it does not exist" if not root.exists() else "it is a file",
            fix="name the folder of a code base",
            code="scan.not-a-folder",
        )
    walker = walk.Walk(root)
    files = list(walker)
    parsed = _read_all(files, progress, processes)
    later = [
        file for file, one in zip(files, parsed, strict=True) if not one.read and file.kind in CONFIG_KINDS
    ]
    parsed.extend(_second_round(later, parsed))
    sources = Sources(
        (module for one in parsed for module in one.modules),
        (config for one in parsed for config in one.configs),
        _loader(files),
    )
    findings, unresolved = collect(sources, parsed_declared(parsed))
    return Report(
        root=walk.show(str(root)),
        findings=findings,
        unresolved=unresolved,
        skipped=tuple(sorted([*walker.skipped, *(skip for one in parsed for skip in one.skipped)])),
        credentials=tuple(sorted(found for one in parsed for found in one.credentials)),
        files_seen=walker.seen,
        files_read=sum(one.read for one in parsed),
    )


def parsed_declared(parsed: Iterable[Parsed]) -> list[tuple[str, manifest.Declared]]:
    return [(one.path, declared) for one in parsed for declared in one.declared]


def _read_all(files: list[File], progress: Progress | None, processes: int | None) -> list[Parsed]:
    workers = processes or os.cpu_count() or 1
    if len(files) < PARALLEL_FROM_FILES or workers == 1:
        return list(_watched(map(read_file, files), len(files), progress))
    with ProcessPoolExecutor(workers) as pool:
        return list(_watched(pool.map(read_file, files, chunksize=CHUNK_FILES), len(files), progress))


def _watched(parsed: Iterable[Parsed], total: int, progress: Progress | None) -> Iterator[Parsed]:
    for number, one in enumerate(parsed, 1):
        if progress is not None and number % 100 == 0:
            progress(number, total)
        yield one


def read_file(file: File) -> Parsed:
    """One file, if it speaks of models at all."""
    data, why = walk.read(file.real)
    path = walk.show(file.path)
    if why is not None:
        return Parsed(path=path, skipped=[Skipped(path=path, why=why)])
    found = list(credentials.find(path, data))
    if not know.of_interest(data):
        return Parsed(path=path, credentials=found)
    if walk.is_minified(data):
        return Parsed(path=path, credentials=found, skipped=[Skipped(path=path, why="minified")])
    parsed = parse(file.kind, path, data)
    parsed.credentials = found
    return parsed


def parse(kind: str, path: str, data: bytes) -> Parsed:
    one = Parsed(path=path, read=True)
    try:
        _parse(kind, path, data, one)
    except (TooDeepError, RecursionError):
        one.skipped = [Skipped(path=path, why="it is nested too deeply")]
    for module in one.modules:
        if module.broken:
            one.skipped = [Skipped(path=path, why=f"{module.broken}; read statement by statement")]
    return one


def _parse(kind: str, path: str, data: bytes, one: Parsed) -> None:
    text = data.decode("utf-8", "replace").removeprefix("\ufeff")
    match kind:
        case "python":
            one.modules = [python.read(path, data)]
            if path.endswith("setup.py"):
                one.declared = manifest.read(path, text)
        case "javascript":
            one.modules = [javascript.read(path, data)]
        case "notebook":
            module, config = notebook.read(path, text)
            one.modules, one.configs = [module], [config]
        case "manifest":
            one.declared = manifest.read(path, text)
            if path.endswith((".yml", ".yaml")):
                one.configs = [configs.interpret(path, configs.parse("yaml", text, path), shell.read_script)]
        case "shell":
            clues, settings = shell.read_script(text)
            one.configs = [ConfigFile(path=path, root=Node(1), clues=clues, settings=settings)]
            one.modules = [
                python.read(path, body.encode(), range(line, line + body.count("\n") + 1))
                for body, line in shell.python_heredocs(text)
            ]
        case "make":
            one.configs = [msgspec.structs.replace(shell.makefile(text), path=path)]
        case _:
            one.configs = [configs.interpret(path, configs.parse(kind, text, path), shell.read_script)]


def _second_round(files: list[File], parsed: list[Parsed]) -> list[Parsed]:
    """Files that set a name somebody reads."""
    wanted = _wanted(parsed)
    if not wanted or not files:
        return []
    names = re.compile(rb"\b(?:" + b"|".join(re.escape(name.encode()) for name in sorted(wanted)) + rb")\b")
    found: list[Parsed] = []
    for file in files:
        data, why = walk.read(file.real)
        if why is None and names.search(data):
            found.append(parse(file.kind, walk.show(file.path), data))
    return found


def _wanted(parsed: list[Parsed]) -> set[str]:
    wanted = {
        "AWS_REGION",
        "AWS_DEFAULT_REGION",
        "AWS_PROFILE",
        "GOOGLE_CLOUD_LOCATION",
        "OPENAI_BASE_URL",
        "ANTHROPIC_BASE_URL",
    }
    for one in parsed:
        for module in one.modules:
            if module.sites:
                for expr in module.names.values():
                    wanted.update(_names(expr))
            for site in module.sites:
                for expr in site.arguments.values():
                    wanted.update(_names(expr))
        for config in one.configs:
            for setting in config.settings:
                wanted.update(_names(setting.value))
    return {name for name in wanted if len(name) > 2}


def _names(expr: Expr) -> Iterator[str]:
    match expr:
        case Env():
            yield expr.name
            if expr.default is not None:
                yield from _names(expr.default)
        case Ref() if expr.name.startswith(("var:", "param:", "profile:")):
            yield expr.name.partition(":")[2]
        case Ref() if expr.name.startswith("values:"):
            yield expr.name.rpartition(".")[2]
        case Join() | Either():
            for part in expr.parts:
                yield from _names(part)
        case Item():
            yield from _names(expr.base)
        case Dark():
            return


def _loader(files: list[File]) -> Callable[[str], Module | None]:
    """Modules that the first round had no reason to read, when a name in them is asked for."""
    known = {walk.show(file.path): file for file in files if file.kind in ("python", "javascript")}

    def load(path: str) -> Module | None:
        file = known.get(path)
        if file is None:
            return None
        data, why = walk.read(file.real)
        if why is not None:
            return None
        reader = python.read if file.kind == "python" else javascript.read
        return reader(path, data)

    return load


__all__ = ["Clue", "Parsed", "scan"]
