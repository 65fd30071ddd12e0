"""What a pocket home answers without an engine: lists of models, token counts, embeddings."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence

from freehold.dialects import DialectError, Inbound
from freehold.dialects.side import embed_codec_for, read_count, write_counted, write_model, write_models
from freehold.pocket.cache import PromptCache
from freehold.types.conversation import Usage
from freehold.types.sidecalls import Embedded, ModelInfo

ANY_MODEL = "pocket"  # what a home that takes any model says it has
DIMENSIONS_DEFAULT = 64
DIMENSIONS_MAX = 3072
_CREATED_S = 1_767_225_600  # 2026-01-01, for lists that want a date


def count(inbound: Inbound, body: bytes) -> bytes:
    return write_counted(inbound, PromptCache().count(read_count(inbound, body), 0).fresh)


def models(inbound: Inbound, offered: Sequence[str]) -> bytes:
    """One model when the path names it, else all of them."""
    name = inbound.model
    if name is None:
        return write_models(inbound, [_model(one) for one in offered or (ANY_MODEL,)])
    if offered and name not in offered:
        raise DialectError(
            f"the model {name!r} does not exist",
            why=f"this pocket home has {', '.join(offered)}",
            fix="name one of them",
            code="pocket.unknown-model",
            status=404,
        )
    return write_model(inbound, _model(name))


def _model(name: str) -> ModelInfo:
    return ModelInfo(
        id=name, owner="pocket", created_s=_CREATED_S, input_tokens_max=200_000, output_tokens_max=64_000
    )


def embed(inbound: Inbound, body: bytes) -> bytes:
    """Vectors that depend only on the text: the same text, the same vector."""
    codec = embed_codec_for(inbound)
    if codec is None:
        raise DialectError(
            f"{inbound.dialect} has no embeddings",
            why="no such call is published for it",
            fix="ask a home that has them",
            code="pocket.no-embeddings",
            status=404,
        )
    asked = codec.read(inbound, body)
    size = asked.dimensions or DIMENSIONS_DEFAULT
    if size > DIMENSIONS_MAX:
        raise DialectError(
            f"{size} dimensions are too many",
            why=f"the most is {DIMENSIONS_MAX}",
            fix="ask for fewer",
            code="dialects.bad-request",
        )
    texts = [one if isinstance(one, str) else " ".join(map(str, one)) for one in asked.inputs]
    vectors = tuple(vector_of(text, size) for text in texts)
    tokens = sum(max(len(text.split()), 1) for text in texts)
    answer = Embedded(model=asked.model, vectors=vectors, usage=Usage(fresh=tokens))
    return codec.write_answer(answer, asked)


def vector_of(text: str, size: int) -> tuple[float, ...]:
    """Of length one."""
    stream = hashlib.shake_256(text.encode()).digest(2 * size)
    values = [value / 32768 for value in struct.unpack(f">{size}h", stream)]
    length = sum(value * value for value in values) ** 0.5 or 1.0
    return tuple(value / length for value in values)
