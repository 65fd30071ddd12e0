"""Gemini's parts, read and written.

Calls and their results are matched by name and order here; the neutral form matches by id, so ids are made
up on reading (the same bytes give the same ids) and are not sent back.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from freehold.dialects import carry, media
from freehold.dialects.fields import Fields, encode, input_object, parse, raw
from freehold.types.conversation import (
    Block,
    Document,
    Image,
    Opaque,
    StoredState,
    Text,
    Thinking,
    ToolResult,
    ToolUse,
)

NAME = "gemini"
# Gemini refuses a replayed call without its signature, unless told that the call was made elsewhere.
FOREIGN_CALL = "c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I="  # base64 of skip_thought_signature_validator
_SNAKE = {
    "inline_data": "inlineData", "file_data": "fileData", "function_call": "functionCall",
    "function_response": "functionResponse", "thought_signature": "thoughtSignature",
    "mime_type": "mimeType", "file_uri": "fileUri", "display_name": "displayName",
}  # fmt: skip


def camel(fields: Fields, names: dict[str, str] = _SNAKE) -> Fields:
    """Google's JSON takes both spellings of a name; ours is the camel one."""
    for snake in [name for name in fields.left if name in names]:
        fields.left[names[snake]] = fields.left.pop(snake)
    return fields


class Calls:
    """Names the calls of one conversation, and finds the call that a result answers."""

    def __init__(self, prefix: str = "call") -> None:
        self._prefix = prefix
        self._made = 0
        self._waiting: list[tuple[str, str]] = []  # (name, id) of calls without a result yet

    def call(self, name: str, id: str | None) -> str:
        made = id or f"{self._prefix}_{self._made}"
        self._made += 1
        self._waiting.append((name, made))
        return made

    def result(self, name: str, id: str | None) -> str:
        for at, (waiting, made) in enumerate(self._waiting):
            if (id is not None and made == id) or (id is None and waiting == name):
                del self._waiting[at]
                return made
        return id or f"{self._prefix}_{name}"


def read_part(part: Fields, calls: Calls, stored: list[StoredState]) -> list[Block]:
    camel(part)
    left = part.left
    signature, origin = _signature(part)
    if "functionCall" in left:
        return [_read_call(camel(part.required("functionCall")), part, calls, signature, origin)]
    if "functionResponse" in left:
        return [_read_response(part.required("functionResponse"), calls)]
    if "text" in left:
        text = part.text("text")
        if part.flag("thought"):
            return [Thinking(text=text, signature=signature, origin=origin or NAME, extra=part.extra())]
        blocks: list[Block] = [Text(text=text, extra=part.extra())] if text or signature is None else []
        # A signature beside text belongs to the thought before the text's end.
        return [*blocks, Thinking(signature=signature, origin=origin)] if signature is not None else blocks
    if "inlineData" in left:
        return [_read_inline(camel(part.required("inlineData")))]
    if "fileData" in left:
        return [_read_file(part, stored)]
    if signature is not None and not left:
        return [Thinking(signature=signature, origin=origin)]
    return [Opaque(origin=NAME, kind=next(iter(left), ""), value=raw(left))]


def _signature(part: Fields) -> tuple[str | None, str]:
    given = part.maybe("thoughtSignature")
    if given is None:
        return None, ""
    return carry.untag_base64(given, NAME)


def _read_call(call: Fields, part: Fields, calls: Calls, signature: str | None, origin: str) -> ToolUse:
    name, given = call.text("name"), call.maybe("id")
    args = call.raw("args")
    plain, inner, signer = carry.untag_id(given) if given else ("", None, "")
    extra = {**({"id": raw(given)} if given else {}), **call.extra(), **part.extra()}
    return ToolUse(
        id=calls.call(name, plain or None), name=name, input_json=bytes(args).decode() if args else "{}",
        signature=signature if signature is not None else inner, origin=origin or signer, extra=extra,
    )  # fmt: skip


def _read_response(response: Fields, calls: Calls) -> ToolResult:
    name, given = response.text("name"), response.maybe("id")
    plain = carry.untag_id(given)[0] if given else None
    extra = {"id": raw(given)} if given else {}
    value = response.any("response")
    id = calls.result(name, plain)
    if type(value) is dict and len(value) == 1:
        key, only = next(iter(value.items()))
        if key in ("output", "error") and type(only) is str:
            return ToolResult(tool_use_id=id, name=name, content=(Text(text=only),), is_error=key == "error",
                              extra={**extra, **response.extra()})  # fmt: skip
    text = encode(value if value is not None else {}).decode()
    error = type(value) is dict and "error" in value
    return ToolResult(
        tool_use_id=id, name=name, content=(Text(text=text, extra={"json": raw(True)}),), is_error=error,
        extra={**extra, **response.extra()},
    )  # fmt: skip


def _read_inline(inline: Fields) -> Block:
    kind, data = inline.text("mimeType"), inline.text("data")
    title = inline.maybe("displayName")
    if kind.startswith("image/"):
        return Image(media_type=kind, data_base64=data, extra=inline.extra())
    if kind.startswith(("audio/", "video/")):
        inline.left.update(mimeType=kind, data=data)
        return Opaque(origin=NAME, kind=kind.partition("/")[0], value=raw({"inlineData": inline.left}))
    return Document(media_type=kind, data_base64=data, title=title, extra=inline.extra())


def _read_file(part: Fields, stored: list[StoredState]) -> Block:
    file = camel(part.required("fileData"))
    uri, kind = file.text("fileUri"), file.maybe("mimeType")
    if uri.startswith(("https://generativelanguage.googleapis.com/", "files/", "gs://")):
        stored.append(StoredState(kind="file", id=uri))
        value = {
            "fileData": {"fileUri": uri, **({"mimeType": kind} if kind else {}), **file.left},
            **part.left,
        }
        return Opaque(origin=NAME, kind="fileData", value=raw(value))
    if kind is None or kind.startswith("image/"):
        return Image(url=uri, media_type=kind, extra=file.extra())
    return Document(url=uri, media_type=kind, extra=file.extra())


def write_parts(
    blocks: Iterable[Block], names: dict[str, str], *, own: bool, to_client: bool = False, mark: bool = False
) -> list[object]:
    """`names`: each call's name by its id, which a result has to say here. `mark`: say of calls without a
    signature that they were made elsewhere."""
    return [part for block in blocks if (part := _write(block, names, own, to_client, mark)) is not None]


def _write(block: Block, names: dict[str, str], own: bool, to_client: bool, mark: bool) -> object | None:
    match block:
        case Text():
            return {"text": block.text, **(block.extra if own else {})}
        case ToolUse():
            return write_call(block, own=own, to_client=to_client, mark=mark)
        case ToolResult():
            return _write_response(block, names, own)
        case Thinking():
            return _write_thought(block, to_client)
        case Image() if block.url is not None:
            return {"fileData": {"fileUri": block.url, "mimeType": block.media_type or "image/jpeg"}}
        case Image():
            return {
                "inlineData": {"mimeType": block.media_type or "image/png", "data": block.data_base64 or ""}
            }
        case Document() if block.url is not None:
            return {"fileData": {"fileUri": block.url, "mimeType": block.media_type or "application/pdf"}}
        case Document() if block.text is not None:
            return {"text": block.text}
        case Document():
            kind = block.media_type or media.type_of(block.title) or "application/pdf"
            return {"inlineData": {"mimeType": kind, "data": block.data_base64 or ""}}
        case Opaque():
            return block.value if block.origin == NAME else None


def write_call(block: ToolUse, *, own: bool, to_client: bool, mark: bool = False) -> dict[str, Any]:
    names, call = block.extra if own else {}, {"name": block.name, "args": input_object(block)}
    if to_client and not (own and "id" not in names):
        call["id"] = block.id
    elif "id" in names:
        call["id"] = names["id"]
    part: dict[str, Any] = {"functionCall": call}
    if block.signature is not None and (to_client or block.origin == NAME):
        part["thoughtSignature"] = carry.tag_base64(block.signature, block.origin, NAME)
    elif mark:
        part["thoughtSignature"] = FOREIGN_CALL
    return part


def _write_response(block: ToolResult, names: dict[str, str], own: bool) -> dict[str, Any]:
    value: dict[str, Any] = {"name": block.name or names.get(block.tool_use_id, block.tool_use_id)}
    if own and "id" in block.extra:
        value["id"] = block.extra["id"]
    texts = [part for part in block.content if isinstance(part, Text)]
    if len(texts) == 1 and "json" in texts[0].extra:
        given = parse(texts[0].text)
        value["response"] = given if type(given) is dict else {"output": given}
    else:
        text = "".join(part.text for part in texts)
        value["response"] = {"error" if block.is_error else "output": text}
    return {"functionResponse": value}


def _write_thought(block: Thinking, to_client: bool) -> dict[str, Any] | None:
    if not to_client and (block.origin != NAME or (block.signature is None and not block.text)):
        return None
    if block.redacted is not None:
        return None if not to_client else _signed("", block.redacted, block.origin)
    if block.signature is None:
        return {"text": block.text, "thought": True}
    return _signed(block.text, block.signature, block.origin)


def _signed(text: str, signature: str, origin: str) -> dict[str, Any]:
    part: dict[str, Any] = {"text": text, "thoughtSignature": carry.tag_base64(signature, origin, NAME)}
    return {**part, "thought": True} if text else part
