"""The console's part of freehold.toml."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct


class ConsoleSettings(Struct, frozen=True, kw_only=True):
    """The web pages and their JSON twins."""

    host: Annotated[
        Annotated[str, Meta(pattern=r"^[A-Za-z0-9.:_-]+$", max_length=253)],
        Meta(description="The address to listen on. Loopback unless you say so."),
    ] = "127.0.0.1"
    port: Annotated[Annotated[int, Meta(ge=1, le=65535)], Meta(description="The port of the pages.")] = 4102
