"""Every dialect: where its codec is. Adding one is one file, one row, its vectors and a row in the docs."""

from __future__ import annotations

import functools
import importlib
from typing import cast

from freehold.dialects.base import Codec, Inbound
from freehold.errors import InputError, nearest

CODECS: dict[str, str] = {
    "openai": "freehold.dialects.openai:OpenAI",
}


@functools.cache
def codec(name: str) -> Codec:
    if name not in CODECS:
        close = nearest(name, CODECS)
        raise InputError(
            f"there is no dialect {name!r}",
            why=f"dialects are {', '.join(CODECS)}" + (f"; the closest is {close!r}" if close else ""),
            fix="name one of them",
            code="dialects.unknown",
        )
    module, _, attribute = CODECS[name].partition(":")
    return cast("Codec", getattr(importlib.import_module(module), attribute)())


def route(method: str, path: str) -> Inbound | None:
    """What a native path asks for, or None if no dialect has such a path."""
    if method == "POST" and path.partition("?")[0] in ("/v1/chat/completions", "/chat/completions"):
        return Inbound(dialect="openai", operation="generate", surface="chat")
    return None
