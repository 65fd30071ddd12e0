"""Calls beside generation: embeddings, and the models one may ask for."""

from __future__ import annotations

import msgspec

from freehold.types.conversation import Extra, Usage


class Embed(msgspec.Struct, frozen=True, kw_only=True):
    """Texts (or texts already in tokens) to be turned into vectors."""

    model: str
    inputs: tuple[str | tuple[int, ...], ...]
    dimensions: int | None = None
    base64: bool = False  # how the caller wants the numbers written
    user: str | None = None
    dialect: str = ""
    extra: Extra = {}


class Embedded(msgspec.Struct, frozen=True, kw_only=True):
    """One vector for each input, in order."""

    model: str
    vectors: tuple[tuple[float, ...], ...]
    usage: Usage = Usage()


class ModelInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A model as a list of models shows it."""

    id: str
    name: str = ""
    owner: str = ""
    created_s: int = 0
    input_tokens_max: int | None = None
    output_tokens_max: int | None = None
