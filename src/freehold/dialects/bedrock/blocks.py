"""Converse's content blocks, read and written.

A cache mark is a block of its own here (`cachePoint`); in the neutral form it sits on the block before it, in
Anthropic's spelling, so that a prompt keeps its cache when it moves between the two.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from freehold.dialects import carry, media
from freehold.dialects.fields import Fields, encode, input_object, parse, raw
from freehold.types.conversation import (
    Block,
    Document,
    Image,
    Opaque,
    Text,
    Thinking,
    ToolResult,
    ToolUse,
)

NAME = "bedrock"
_CACHEABLE = (Text, Image, Document, ToolUse, ToolResult)


def read_blocks(blocks: list[Fields]) -> list[Block]:
    read: list[Block] = []
    for fields in blocks:
        point = fields.left.get("cachePoint")
        if type(point) is dict and read and isinstance(read[-1], _CACHEABLE) and read[-1].cache is None:
            read[-1] = msgspec.structs.replace(read[-1], cache=cache_in(point))
        else:
            read.append(read_block(fields))
    return read


def cache_in(point: dict[str, Any]) -> msgspec.Raw:
    ttl = {"ttl": point["ttl"]} if "ttl" in point else {}
    return raw({"type": "ephemeral", **ttl})


def cache_out(cache: msgspec.Raw) -> dict[str, Any]:
    mark = parse(bytes(cache))
    ttl = {"ttl": mark["ttl"]} if type(mark) is dict and "ttl" in mark else {}
    return {"cachePoint": {"type": "default", **ttl}}


def read_block(fields: Fields) -> Block:
    """A union: exactly one member is set."""
    left = fields.left
    if "text" in left:
        return Text(text=fields.text("text"), extra=fields.extra())
    if "toolUse" in left:
        use = fields.required("toolUse")
        given = use.raw("input")
        id, signature, signer = carry.untag_id(use.text("toolUseId"))
        return ToolUse(
            id=id, name=use.text("name"), input_json=bytes(given).decode() if given else "{}",
            signature=signature, origin=signer, extra=use.extra(),
        )  # fmt: skip
    if "toolResult" in left:
        return _read_result(fields.required("toolResult"))
    if "reasoningContent" in left:
        return _read_reasoning(fields.required("reasoningContent"))
    source = _source(left)
    if "image" in left and "bytes" in source:
        image = fields.required("image")
        form = image.text("format")
        data = image.required("source").text("bytes")
        kind = media.IMAGE_TYPES.get(form, f"image/{form}")
        return Image(media_type=kind, data_base64=data, extra=image.extra())
    if "document" in left and ("bytes" in source or "text" in source):
        return _read_document(fields.required("document"))
    kind = next(iter(left), "")
    if not kind:
        raise fields.fault("", "a content block must hold one member")
    return Opaque(origin=NAME, kind=kind, value=raw(left))


def _source(left: dict[str, Any]) -> dict[str, Any]:
    holder = left.get("image") or left.get("document")
    source = holder.get("source") if type(holder) is dict else None
    return source if type(source) is dict else {}


def _read_document(document: Fields) -> Document:
    source = document.required("source")
    form = document.maybe("format") or "txt"
    kind = media.DOCUMENT_TYPES.get(form, f"application/{form}")
    title = document.maybe("name")
    if "text" in source.left:
        return Document(media_type=kind, text=source.text("text"), title=title, extra=document.extra())
    data = source.text("bytes")
    return Document(media_type=kind, data_base64=data, title=title, extra=document.extra())


def _read_result(result: Fields) -> ToolResult:
    id, _, _ = carry.untag_id(result.text("toolUseId"))
    content: list[Text | Image | Document | Opaque] = []
    for part in result.objects("content"):
        if "json" in part.left:  # marked, so that it goes back as JSON
            text = encode(part.any("json")).decode()
            content.append(Text(text=text, extra={"json": raw(True), **part.extra()}))
            continue
        block = read_block(part)
        if not isinstance(block, Text | Image | Document | Opaque):
            raise result.fault("content", "a tool's result holds text, JSON, images and documents")
        content.append(block)
    return ToolResult(
        tool_use_id=id, content=tuple(content), is_error=result.maybe("status") == "error",
        extra=result.extra(),
    )  # fmt: skip


def _read_reasoning(fields: Fields) -> Thinking:
    redacted = fields.maybe("redactedContent")
    if redacted is not None:
        data, signer = carry.untag_base64(redacted, NAME)
        return Thinking(redacted=data, origin=signer, extra=fields.extra())
    thought = fields.required("reasoningText")
    signature, signer = carry.untag(thought.maybe("signature") or "", NAME)
    return Thinking(
        text=thought.maybe("text") or "", signature=signature or None, origin=signer, extra=fields.extra()
    )


def write_blocks(blocks: Iterable[Block], *, to_client: bool = False) -> list[object]:
    written: list[object] = []
    for block in blocks:
        if type(block) is Text and block.cache is None:
            written.append({"text": block.text})
            continue
        value = write_block(block, to_client=to_client)
        if value is None:
            continue
        written.append(value)
        cache = getattr(block, "cache", None)
        if cache is not None:
            written.append(cache_out(cache))
    return written


def write_block(block: Block, *, to_client: bool = False) -> object | None:
    match block:
        case Text():
            return {"text": block.text}
        case ToolUse():
            id = carry.tag_id(block.id, block.signature, block.origin) if to_client else block.id
            return {"toolUse": {"toolUseId": id, "name": block.name, "input": input_object(block)}}
        case ToolResult():
            return {"toolResult": _write_result(block)}
        case Thinking():
            return _write_reasoning(block, to_client)
        case Image():
            form = media.IMAGE_FORMATS.get(block.media_type or "", "png")
            return {"image": {"format": form, "source": {"bytes": block.data_base64 or ""}}}
        case Document():
            return {"document": _write_document(block)}
        case Opaque():
            return block.value if block.origin == NAME else None


def _write_document(block: Document) -> dict[str, Any]:
    form = media.DOCUMENT_FORMATS.get(block.media_type or "", "pdf" if block.data_base64 else "txt")
    source = {"bytes": block.data_base64} if block.data_base64 is not None else {"text": block.text or ""}
    return {"format": form, "name": media.document_name(block), "source": source}


def _write_result(block: ToolResult) -> dict[str, Any]:
    content: list[object] = []
    for part in block.content:
        if isinstance(part, Text) and "json" in part.extra:
            content.append({"json": msgspec.Raw(part.text.encode())})
        elif (written := write_block(part)) is not None:
            content.append(written)
    value: dict[str, Any] = {"toolUseId": block.tool_use_id, "content": content or [{"text": ""}]}
    if block.is_error:
        value["status"] = "error"
    return value


def _write_reasoning(block: Thinking, to_client: bool) -> object | None:
    if not to_client and block.origin != NAME:
        return None
    if block.redacted is not None:
        data = carry.tag_base64(block.redacted, block.origin, NAME)
        return {"reasoningContent": {"redactedContent": data}}
    if block.signature is None and not to_client:
        return None  # without a signature it would be refused
    thought: dict[str, Any] = {"text": block.text}
    if block.signature is not None:
        thought["signature"] = carry.tag(block.signature, block.origin, NAME)
    return {"reasoningContent": {"reasoningText": thought}}
