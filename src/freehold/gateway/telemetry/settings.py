"""Where telemetry goes. Without an endpoint there is none."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from freehold.config.secrets import Secret
from freehold.config.values import Duration, Url

Header = Annotated[str, Meta(pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$", max_length=100)]
Words = Annotated[str, Meta(min_length=1, max_length=200)]


class OtelSettings(Struct, frozen=True, kw_only=True):
    """Traces and metrics over OTLP/HTTP, in OpenTelemetry's GenAI names."""

    endpoint: Annotated[
        Url | None,
        Meta(description="A collector's base address, such as http://127.0.0.1:4318. None: no telemetry."),
    ] = None
    headers: Annotated[
        dict[Header, Secret], Meta(description="Headers of every export, each a reference to a secret.")
    ] = {}
    sample_share: Annotated[
        Annotated[float, Meta(ge=0, le=1)],
        Meta(description="Share of calls with a trace, where the caller's traceparent does not decide it."),
    ] = 1.0
    content: Annotated[
        bool, Meta(description="Tell what was said, too: everybody who sees the traces then reads it.")
    ] = False
    interval: Annotated[Duration, Meta(description="How often spans and metrics are sent.")] = Duration("5s")
    service_name: Annotated[Words, Meta(description="What the gateway is called in telemetry.")] = "freehold"
    queue_max: Annotated[
        Annotated[int, Meta(ge=100, le=1_000_000)],
        Meta(description="Records that wait for the exporter, per process; further ones are dropped."),
    ] = 20_000


class Telemetry(Struct, frozen=True, kw_only=True):
    """The settings with their secrets read: what a gateway process starts its exporter with."""

    endpoint: str
    headers: dict[str, str] = {}
    sample_share: float = 1.0
    content: bool = False
    interval_s: float = 5.0
    service_name: str = "freehold"
    queue_max: int = 20_000

    def __repr__(self) -> str:
        return f"Telemetry(endpoint={self.endpoint!r}, headers={sorted(self.headers)})"
