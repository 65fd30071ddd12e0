"""Turns and what is in them: roles, media, blocks that only their own vendor understands."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from freehold.dialects import media
from freehold.dialects.fitting.draft import Draft
from freehold.types.conversation import (
    Block,
    Document,
    Image,
    Opaque,
    Text,
    Thinking,
    ToolResult,
    ToolUse,
    Turn,
)

_STRICT_FORMS = ("anthropic", "bedrock")  # empty texts are refused, a user speaks first


_PLAIN = {Text, Thinking, ToolUse}


def fit_turns(draft: Draft) -> None:
    turns: tuple[Turn, ...] = draft.now.turns
    if not turns:
        if not draft.now.stored:
            draft.refuse("the conversation holds no turn")
        return
    if not draft.plain:
        if not draft.can.system_turns and any(turn.role == "system" for turn in turns):
            draft.leave_out("a system message comes after the first turn, which this api has no place for")
        if draft.form in _STRICT_FORMS:
            _drop_empty(draft, turns)
    if turns[0].role == "assistant" and draft.form == "bedrock":
        draft.leave_out("the conversation begins with the assistant, and Converse wants the user first")
    prefilled = turns[-1].role == "assistant"
    if prefilled and not draft.can.prefill and not (draft.own and draft.form not in _STRICT_FORMS):
        draft.leave_out("the last turn is the assistant's, and this home does not continue one")


def _drop_empty(draft: Draft, turns: tuple[Turn, ...]) -> None:
    if not any(_empty(block) for turn in turns for block in turn.blocks):
        return
    kept = []
    for turn in turns:
        blocks = tuple(block for block in turn.blocks if not _empty(block))
        if blocks:
            kept.append(msgspec.structs.replace(turn, blocks=blocks))
        elif turn.role == "user":
            draft.leave_out("a user turn is empty, which this api refuses")
    draft.change("empty texts dropped: this api refuses them", turns=tuple(kept))


def _empty(block: Block) -> bool:
    return type(block) is Text and not block.text and block.cache is None


def fit_blocks(draft: Draft) -> None:
    if draft.plain:
        return
    _fit_assistant_documents(draft)
    if not draft.can.cache_marks and any(_marked(block) for block, _ in _all_blocks(draft)):
        draft.note("cache marks dropped: this home caches by itself or not at all")
    if not draft.own and any(turn.extra for turn in draft.now.turns):
        names = sorted({name for turn in draft.now.turns for name in turn.extra})
        draft.note(f"message fields dropped: {', '.join(map(repr, names))}")
    for text in draft.now.system:
        _fit_block(draft, text, in_result=False)
    for turn in draft.now.turns:
        for block in turn.blocks:
            if isinstance(block, ToolResult):
                for part in block.content:
                    _fit_block(draft, part, in_result=True)
            elif type(block) not in _PLAIN:
                _fit_block(draft, block, in_result=False)


def _fit_block(draft: Draft, block: Block, *, in_result: bool) -> None:
    kind = type(block)
    if kind in _PLAIN:
        return
    match block:
        case Image():
            _fit_image(draft, block)
        case Document():
            _fit_document(draft, block)
        case Opaque() if block.origin != draft.form:
            draft.leave_out(f"a block of kind {block.kind!r} is {block.origin}'s own")
    if in_result and kind in (Image, Document) and not draft.can.result_media:
        draft.leave_out("a tool's result holds an image or document, and this api takes text there")


def _marked(block: Block) -> bool:
    return getattr(block, "cache", None) is not None


def _fit_assistant_documents(draft: Draft) -> None:
    if draft.can.assistant_documents:
        return
    for turn in draft.now.turns:
        if turn.role == "assistant" and any(isinstance(block, Document) for block in turn.blocks):
            draft.leave_out("a document is in an assistant's turn, which this version refuses")
        cited = (block for block in turn.blocks if isinstance(block, Text) and "citations" in block.extra)
        if turn.role == "user" and any(
            bytes(block.extra["citations"]) not in (b"[]", b"null") for block in cited
        ):
            draft.leave_out("a user's text carries citations, which this version refuses")


def _all_blocks(draft: Draft) -> Iterator[tuple[Block, bool]]:
    for text in draft.now.system:
        yield text, False
    for turn in draft.now.turns:
        for block in turn.blocks:
            yield block, False
            if isinstance(block, ToolResult):
                for part in block.content:
                    yield part, True


def _fit_image(draft: Draft, image: Image) -> None:
    if image.url is not None:
        if "url" not in draft.can.images:
            draft.leave_out("an image is given by URL; this home needs bytes, and Freehold fetches no URLs")
        return
    if "base64" not in draft.can.images:
        draft.leave_out("this home takes no images")
    if draft.form == "bedrock" and image.media_type not in media.IMAGE_FORMATS:
        draft.leave_out(f"an image of type {image.media_type!r} has no format in Converse")


def _fit_document(draft: Draft, document: Document) -> None:
    can, kinds = draft.can, draft.can.documents
    if document.url is not None and "url" not in kinds:
        draft.leave_out("a document is given by URL; this home needs bytes, and Freehold fetches no URLs")
    elif document.data_base64 is not None and "base64" not in kinds:
        draft.leave_out("this home takes no documents")
    elif (
        document.data_base64 is not None
        and can.document_types
        and document.media_type not in can.document_types
    ):
        draft.leave_out(f"a document of type {document.media_type!r} is not one this home takes")
    elif document.text is not None and draft.form not in _STRICT_FORMS:
        draft.note("a text document is sent as text")
    if not draft.own:
        if b"true" in bytes(document.extra.get("citations", b"")):
            draft.leave_out("citations of a document are asked for, which only its own dialect gives")
        if "context" in document.extra:
            draft.leave_out("a document's context is its own dialect's")
    if document.title is not None and draft.form == "gemini":
        draft.note("a document's title dropped: Gemini has no place for it")
