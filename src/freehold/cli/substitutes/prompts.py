"""The prompts of a file: lines of text, or lines of JSON with a prompt or a whole request of any dialect."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import msgspec

from freehold.dialects import DialectError, codec_for, route
from freehold.errors import InputError
from freehold.types.conversation import Conversation, Text, Turn

PROMPTS_MAX: Final = 10_000
FILE_BYTES_MAX: Final = 64 * 1024 * 1024
PATHS: Final = {
    "openai": "/v1/chat/completions", "anthropic": "/v1/messages", "responses": "/v1/responses",
    "bedrock": "/model/any/converse", "gemini": "/v1beta/models/any:generateContent",
}  # fmt: skip


class Prompt(msgspec.Struct, frozen=True, kw_only=True):
    number: int  # of its line
    conversation: Conversation
    expected: str | None = None  # what a right answer says, where the file knows


def read_prompts(path: Path) -> list[Prompt]:
    """A file named .jsonl has a JSON value on each line; any other has a prompt on each."""
    try:
        with path.open("rb") as file:
            data = file.read(FILE_BYTES_MAX + 1)
        if len(data) > FILE_BYTES_MAX:
            raise _bad(path, 0, f"it has more than {FILE_BYTES_MAX} bytes")
        lines = data.decode("utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise _bad(path, 0, getattr(error, "strerror", None) or "it is not text in UTF-8") from error
    as_json = path.suffix in (".jsonl", ".ndjson")
    found = [
        _json(path, number, line) if as_json else Prompt(number=number, conversation=_said(line.strip()))
        for number, line in enumerate(lines, 1)
        if line.strip()
    ]
    if not found or len(found) > PROMPTS_MAX:
        raise _bad(path, 0, f"it has {len(found):,} prompts, and from 1 to {PROMPTS_MAX:,} can be asked")
    return found


def _json(path: Path, number: int, line: str) -> Prompt:
    try:
        value: Any = msgspec.json.decode(line)
    except msgspec.DecodeError as error:
        raise _bad(path, number, f"it is no JSON: {error}") from error
    if isinstance(value, str):
        return Prompt(number=number, conversation=_said(value))
    if not isinstance(value, dict):
        raise _bad(path, number, "a line is text, or an object with prompt, messages or request")
    expected = value.get("expected")
    if expected is not None and not isinstance(expected, str):
        raise _bad(path, number, "expected is text")
    if isinstance(value.get("prompt"), str):
        return Prompt(number=number, conversation=_said(value["prompt"]), expected=expected)
    request = value.get("request") if "request" in value else _without(value, "expected", "dialect")
    conversation = _conversation(path, number, str(value.get("dialect", "openai")), request)
    return Prompt(number=number, conversation=conversation, expected=expected)


def _without(value: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: one for name, one in value.items() if name not in names}


def _conversation(path: Path, number: int, dialect: str, request: object) -> Conversation:
    if dialect not in PATHS:
        raise _bad(path, number, f"dialect is one of {', '.join(PATHS)}")
    inbound = route("POST", PATHS[dialect], {})
    if inbound is None or not isinstance(request, dict):
        raise _bad(path, number, "request is an object, as the dialect has it")
    body = msgspec.json.encode({"model": "any", **request} if inbound.model is None else request)
    try:
        read = codec_for(inbound).read_request(inbound, body)
    except DialectError as error:
        raise _bad(path, number, error.what) from error
    return msgspec.structs.replace(read, stream=False)


def _said(text: str) -> Conversation:
    return Conversation(model="any", turns=(Turn(role="user", blocks=(Text(text=text),)),))


def _bad(path: Path, number: int, why: str) -> InputError:
    where = f"{path}, line {number}" if number else str(path)
    return InputError(
        f"{where}: no prompts can be read from it", why=why,
        fix='write a prompt on each line, or in a .jsonl file {"prompt": "..."} or {"messages": [...]}',
        code="cli.bad-prompts",
    )  # fmt: skip
