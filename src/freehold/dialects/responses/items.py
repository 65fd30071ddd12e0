"""The items of a Responses input and output, read and written.

Items are flat: a thought, a message and its calls are neighbours. In the neutral form the neighbours that one
side said are one turn.
"""

from __future__ import annotations

from typing import Any

import msgspec

from freehold.dialects import carry, media
from freehold.dialects.fields import Fields, parse, raw
from freehold.types.conversation import (
    Block,
    Document,
    Image,
    Opaque,
    Role,
    StoredState,
    Text,
    Thinking,
    ToolResult,
    ToolUse,
)

NAME = "responses"
_ITEM = "item"  # key in a block's extra: the fields of the item that held it
_ROLES: dict[str, Role] = {
    "user": "user", "assistant": "assistant", "system": "system", "developer": "system"
}  # fmt: skip
Said = tuple[Role, tuple[Block, ...]]


def read_item(item: Fields, stored: list[StoredState]) -> Said:
    """(who says it, what)."""
    kind = item.maybe("type") or ("message" if "role" in item.left else "")
    match kind:
        case "message":
            return _read_message(item, stored)
        case "function_call":
            return "assistant", (_read_call(item),)
        case "function_call_output":
            return "user", (_read_output(item, stored),)
        case "reasoning":
            return "assistant", (_read_reasoning(item),)
        case "item_reference":
            stored.append(StoredState(kind="previous_response", id=item.text("id")))
            return "user", (Opaque(origin=NAME, kind=kind, value=raw({"type": kind, "id": stored[-1].id})),)
    if not kind:
        raise item.fault("type", "it is required")
    # What the vendor's own tools left behind is the assistant's; what they answered is carried with it.
    role: Role = "user" if kind.endswith(("_output", "_response")) else "assistant"
    return role, (Opaque(origin=NAME, kind=kind, value=raw({"type": kind, **item.left})),)


def _read_message(item: Fields, stored: list[StoredState]) -> Said:
    given = item.text("role")
    roles: dict[str, Role] = {
        "user": "user",
        "assistant": "assistant",
        "system": "system",
        "developer": "system",
    }
    if given not in roles:
        raise item.fault("role", f"{given!r} is not user, assistant, system or developer")
    if type(item.left.get("content")) is str:
        blocks: list[Block] = [Text(text=item.text("content"))]
    else:
        blocks = [_read_part(part, stored) for part in item.objects("content")]
    item.any("status")
    if given == "developer":
        item.left["role"] = given
    first = blocks[0] if blocks else None
    if item.left and isinstance(first, Text):
        blocks[0] = msgspec.structs.replace(first, extra={**first.extra, _ITEM: raw(item.left)})
    return _ROLES[given], tuple(blocks)


def _read_part(part: Fields, stored: list[StoredState]) -> Block:
    kind = part.text("type")
    match kind:
        case "input_text" | "output_text" | "text" | "summary_text":
            text = part.text("text")
            if not part.left.get("annotations"):
                part.any("annotations")
            if not part.left.get("logprobs"):
                part.any("logprobs")
            return Text(text=text, extra=part.extra())
        case "refusal":
            return Text(text=part.text("refusal"), extra={"refusal": raw(True)})
        case "input_image" if part.left.get("image_url") is not None:
            image = media.image_from_url(part.text("image_url"), part.maybe("detail"))
            part.any("file_id")
            return msgspec.structs.replace(image, extra=part.extra())
        case "input_file" if part.left.get("file_data") is not None:
            name, data = part.maybe("filename"), part.text("file_data")
            pair = media.read_data_url(data) or (media.type_of(name) or "application/pdf", data)
            return Document(media_type=pair[0], data_base64=pair[1], title=name, extra=part.extra())
        case "input_file" if part.left.get("file_url") is not None:
            return Document(url=part.text("file_url"), title=part.maybe("filename"), extra=part.extra())
    id = part.left.get("file_id")
    if type(id) is str:
        stored.append(StoredState(kind="file", id=id))
    return Opaque(origin=NAME, kind=f"part.{kind}", value=raw({"type": kind, **part.left}))


def _read_call(item: Fields) -> ToolUse:
    id, signature, origin = carry.untag_id(item.text("call_id"))
    return ToolUse(
        id=id, name=item.text("name"), input_json=item.maybe("arguments") or "{}", signature=signature,
        origin=origin, extra=item.extra(),
    )  # fmt: skip


def _read_output(item: Fields, stored: list[StoredState]) -> ToolResult:
    id, _, _ = carry.untag_id(item.text("call_id"))
    if type(item.left.get("output")) is str:
        content: tuple[Any, ...] = (Text(text=item.text("output")),)
    else:
        content = tuple(_read_part(part, stored) for part in item.objects("output"))
    return ToolResult(tool_use_id=id, content=content, extra=item.extra())


def _read_reasoning(item: Fields) -> Thinking:
    texts = [part.maybe("text") or "" for part in item.objects("summary")]
    sealed = item.maybe("encrypted_content")
    signature, origin = carry.untag(sealed, NAME) if sealed is not None else (None, NAME)
    return Thinking(text="\n\n".join(texts), signature=signature, origin=origin, extra=item.extra())


def write_input(role: Role, blocks: tuple[Block, ...], *, own: bool) -> list[object]:
    """One turn as the items that it is."""
    items: list[object] = []
    parts: list[Block] = []

    def flush() -> None:
        if parts:
            items.append(_write_message(role, parts, own))
            parts.clear()

    for block in blocks:
        if own and isinstance(block, Text) and _ITEM in block.extra:
            flush()
        if isinstance(block, Text | Image | Document) or (isinstance(block, Opaque) and _is_part(block)):
            parts.append(block)
            continue
        item = write_item(block, own=own, to_client=False)
        if item is not None:
            flush()
            items.append(item)
    flush()
    return items


def _is_part(block: Opaque) -> bool:
    return block.origin == NAME and block.kind.startswith("part.")


def _write_message(role: Role, parts: list[Block], own: bool) -> dict[str, Any]:
    first = parts[0]
    held = first.extra.get(_ITEM) if own and isinstance(first, Text) else None
    item = parse(bytes(held)) if held is not None else {}
    content = [_write_part(part, role, own) for part in parts]
    only = parts[0] if len(parts) == 1 else None
    message: dict[str, Any] = {"type": "message", "role": role, **item}
    if isinstance(only, Text) and not (own and set(only.extra) - {_ITEM}):
        message["content"] = only.text if "id" not in item else content
    else:
        message["content"] = content
    return message


def _write_part(part: Block, role: Role, own: bool) -> object:
    match part:
        case Text() if "refusal" in part.extra:
            return {"type": "refusal", "refusal": part.text}
        case Text():
            extra = {name: value for name, value in part.extra.items() if name != _ITEM} if own else {}
            if role == "assistant":
                return {"type": "output_text", "text": part.text, "annotations": [], **extra}
            return {"type": "input_text", "text": part.text, **extra}
        case Image():
            url = (
                part.url if part.url is not None else media.data_url(part.media_type, part.data_base64 or "")
            )
            return {"type": "input_image", "image_url": url, "detail": part.detail or "auto"}
        case Document() if part.text is not None:
            return {"type": "input_text", "text": part.text}
        case Document() if part.url is not None:
            return {"type": "input_file", "file_url": part.url}
        case Document():
            data = media.data_url(part.media_type or "application/pdf", part.data_base64 or "")
            return {"type": "input_file", "filename": part.title or "document.pdf", "file_data": data}
        case Opaque():
            return part.value
    return {}


def write_item(block: Block, *, own: bool, to_client: bool) -> dict[str, Any] | msgspec.Raw | None:
    extra = getattr(block, "extra", {}) if own else {}
    match block:
        case ToolUse():
            id = carry.tag_id(block.id, block.signature, block.origin) if to_client else block.id
            call = {"type": "function_call", "call_id": id, "name": block.name, "arguments": block.input_json}
            return {**call, **extra}
        case ToolResult():
            return {
                "type": "function_call_output", "call_id": block.tool_use_id,
                "output": _write_output(block, own), **extra,
            }  # fmt: skip
        case Thinking():
            return _write_reasoning(block, extra, to_client)
        case Opaque():
            return block.value if block.origin == NAME else None
    return None


def _write_output(block: ToolResult, own: bool) -> object:
    if all(isinstance(part, Text) for part in block.content):
        return "".join(part.text for part in block.content if isinstance(part, Text))
    return [_write_part(part, "user", own) for part in block.content]


def _write_reasoning(block: Thinking, extra: dict[str, Any], to_client: bool) -> dict[str, Any] | None:
    if not to_client and (block.origin != NAME or (block.signature is None and "id" not in extra)):
        return None
    summary = [{"type": "summary_text", "text": block.text}] if block.text else []
    item: dict[str, Any] = {"type": "reasoning", "summary": summary, **extra}
    sealed = block.signature if block.signature is not None else block.redacted
    if sealed is not None:
        item["encrypted_content"] = carry.tag(sealed, block.origin, NAME)
    return item


def text_part(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
