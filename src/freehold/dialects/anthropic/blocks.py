"""Anthropic's content blocks, read and written."""

from __future__ import annotations

from typing import Any

import msgspec

from freehold.dialects import carry
from freehold.dialects.fields import Fields, input_object, raw
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

NAME = "anthropic"


def read_content(holder: Fields, name: str, origin: str, stored: list[StoredState]) -> list[Block]:
    content = holder.left.get(name)
    if type(content) is str:
        del holder.left[name]
        return [Text(text=content)]
    return [read_block(block, origin, stored) for block in holder.objects(name)]


def read_block(block: Fields, origin: str, stored: list[StoredState]) -> Block:
    kind = block.text("type")
    match kind:
        case "text":
            return Text(text=block.text("text"), cache=block.raw("cache_control"), extra=block.extra())
        case "thinking":
            thought = block.maybe("thinking") or ""
            sealed, signer = carry.untag(block.maybe("signature") or "", origin)
            return Thinking(text=thought, signature=sealed or None, origin=signer, extra=block.extra())
        case "redacted_thinking":
            data, signer = carry.untag(block.text("data"), origin)
            return Thinking(redacted=data, origin=signer, extra=block.extra())
        case "tool_use":
            id, signature, signer = carry.untag_id(block.text("id"))
            given = block.raw("input")
            return ToolUse(
                id=id, name=block.text("name"), input_json=bytes(given).decode() if given else "{}",
                signature=signature, origin=signer, cache=block.raw("cache_control"), extra=block.extra(),
            )  # fmt: skip
        case "tool_result":
            return _read_result(block, origin, stored)
        case "image":
            return _read_image(block, stored)
        case "document":
            return _read_document(block, stored)
    return _opaque(kind, block, stored)


def _opaque(kind: str, block: Fields, stored: list[StoredState]) -> Opaque:
    source = block.left.get("source")
    id = source.get("file_id") if type(source) is dict else block.left.get("file_id")
    if type(id) is str:
        stored.append(StoredState(kind="file", id=id))
    return Opaque(origin=NAME, kind=kind, value=raw({"type": kind, **block.left}))


def _read_result(block: Fields, origin: str, stored: list[StoredState]) -> ToolResult:
    id, _, _ = carry.untag_id(block.text("tool_use_id"))
    content = []
    for part in read_content(block, "content", origin, stored):
        if not isinstance(part, Text | Image | Document | Opaque):
            raise block.fault("content", "a tool's result holds text, images and documents")
        content.append(part)
    return ToolResult(
        tool_use_id=id, content=tuple(content), is_error=block.flag("is_error") or False,
        cache=block.raw("cache_control"), extra=block.extra(),
    )  # fmt: skip


def _read_image(block: Fields, stored: list[StoredState]) -> Block:
    source = block.left.get("source")
    if type(source) is not dict or source.get("type") not in ("base64", "url"):
        return _opaque("image", block, stored)
    fields = block.required("source")
    cache = block.raw("cache_control")
    if fields.text("type") == "url":
        return Image(url=fields.text("url"), cache=cache, extra=block.extra())
    return Image(
        media_type=fields.text("media_type"),
        data_base64=fields.text("data"),
        cache=cache,
        extra=block.extra(),
    )


def _read_document(block: Fields, stored: list[StoredState]) -> Block:
    source = block.left.get("source")
    if type(source) is not dict or source.get("type") not in ("base64", "text", "url"):
        return _opaque("document", block, stored)
    fields = block.required("source")
    kind = fields.text("type")
    cache, title = block.raw("cache_control"), block.maybe("title")
    if kind == "url":
        return Document(url=fields.text("url"), title=title, cache=cache, extra=block.extra())
    media_type, data = fields.maybe("media_type"), fields.text("data")
    if kind == "text":
        return Document(media_type=media_type or "text/plain", text=data, title=title, cache=cache,
                        extra=block.extra())  # fmt: skip
    return Document(media_type=media_type, data_base64=data, title=title, cache=cache, extra=block.extra())


def write_block(block: Block, origin: str, *, own: bool, to_client: bool = False) -> object | None:
    """The block on the wire, or None where it has no place: what another vendor signed stays behind.

    To a client, a foreign signature is tagged, and comes back tagged; to a home it is never sent.
    """
    if type(block) is Text and block.cache is None and not (own and block.extra):
        return {"type": "text", "text": block.text}
    value = _write(block, origin, to_client)
    if value is None or isinstance(value, msgspec.Raw):
        return value
    cache = getattr(block, "cache", None)
    if cache is not None:
        value["cache_control"] = cache
    if own:
        value.update(getattr(block, "extra", {}))
    return value


def _write(block: Block, origin: str, to_client: bool) -> dict[str, Any] | msgspec.Raw | None:
    match block:
        case Text():
            return {"type": "text", "text": block.text}
        case Thinking():
            return _write_thinking(block, origin, to_client)
        case ToolUse():
            id = carry.tag_id(block.id, block.signature, block.origin) if to_client else block.id
            return {"type": "tool_use", "id": id, "name": block.name, "input": input_object(block)}
        case ToolResult():
            value: dict[str, Any] = {"type": "tool_result", "tool_use_id": block.tool_use_id}
            if block.content:
                value["content"] = _write_result(block, origin)
            if block.is_error:
                value["is_error"] = True
            return value
        case Image():
            return {"type": "image", "source": _source(block.url, block.media_type, block.data_base64)}
        case Document():
            document: dict[str, Any] = {"type": "document", "source": _document_source(block)}
            if block.title is not None:
                document["title"] = block.title
            return document
        case Opaque():
            return block.value if block.origin == NAME else None


def _write_thinking(block: Thinking, origin: str, to_client: bool) -> dict[str, Any] | None:
    if not to_client and block.origin != origin:
        return None
    if block.redacted is not None:
        return {"type": "redacted_thinking", "data": carry.tag(block.redacted, block.origin, origin)}
    if block.signature is None and not to_client:
        return None  # without a signature it would be refused
    signature = carry.tag(block.signature or "", block.origin, origin)
    return {"type": "thinking", "thinking": block.text, "signature": signature}


def _write_result(block: ToolResult, origin: str) -> object:
    if len(block.content) == 1 and isinstance(block.content[0], Text):
        only = block.content[0]
        if only.cache is None and not only.extra:
            return only.text
    return [
        written for part in block.content if (written := write_block(part, origin, own=False)) is not None
    ]


def _source(url: str | None, media_type: str | None, data: str | None) -> dict[str, Any]:
    if url is not None:
        return {"type": "url", "url": url}
    return {"type": "base64", "media_type": media_type or "image/png", "data": data or ""}


def _document_source(block: Document) -> dict[str, Any]:
    if block.text is not None:
        return {"type": "text", "media_type": "text/plain", "data": block.text}
    return _source(block.url, block.media_type or "application/pdf", block.data_base64)
