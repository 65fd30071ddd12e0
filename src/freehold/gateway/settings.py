"""The gateway's part of freehold.toml: where it listens, how long it waits, what it refuses, shared state."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from freehold.config.secrets import Secret
from freehold.config.values import Duration, Size

Port = Annotated[int, Meta(ge=1, le=65535)]
Host = Annotated[str, Meta(pattern=r"^[A-Za-z0-9.:_-]+$", max_length=253)]


class TimeoutSettings(Struct, frozen=True, kw_only=True):
    """How long the gateway waits for a home, step by step."""

    connect: Annotated[Duration, Meta(description="To open a connection.")] = Duration("5s")
    header: Annotated[Duration, Meta(description="From the request to the head of the response.")] = Duration(
        "30s"
    )
    first_content: Annotated[
        Duration, Meta(description="From the request to the first content of the answer.")
    ] = Duration("60s")
    idle: Annotated[Duration, Meta(description="Between two pieces of a stream.")] = Duration("30s")
    total: Annotated[Duration, Meta(description="For the whole call, every attempt included.")] = Duration(
        "10m"
    )


class GatewaySettings(Struct, frozen=True, kw_only=True):
    """The live path: calls in, homes out."""

    host: Annotated[Host, Meta(description="The address to listen on. Loopback unless you say so.")] = (
        "127.0.0.1"
    )
    port: Annotated[Port, Meta(description="The port that takes calls.")] = 4100
    hosts: Annotated[
        tuple[Host, ...],
        Meta(description="Names by which a loopback port may be called, beside localhost."),
    ] = ()
    admin_port: Annotated[Port, Meta(description="Admin, metrics, health and receipts.")] = 4101
    workers: Annotated[Annotated[int, Meta(ge=1, le=256)], Meta(description="Gateway processes.")] = 1
    connections_max: Annotated[
        Annotated[int, Meta(ge=1, le=1_000_000)], Meta(description="Open client connections per process.")
    ] = 10_000
    in_flight_max: Annotated[
        Annotated[int, Meta(ge=1, le=1_000_000)], Meta(description="Calls at work at once per process.")
    ] = 2_000
    head_max: Annotated[Size, Meta(description="The largest request head.")] = Size("64KiB")
    body_max: Annotated[Size, Meta(description="The largest request body.")] = Size("32MiB")
    attempts_max: Annotated[
        Annotated[int, Meta(ge=1, le=20)], Meta(description="Homes tried for one call, the first included.")
    ] = 4
    tls_cert: Annotated[
        str | None, Meta(description="A PEM file with the certificate callers see; calls then come by TLS.")
    ] = None
    tls_key: Annotated[str | None, Meta(description="The PEM file of that certificate's key.")] = None
    tls_ca: Annotated[
        str | None, Meta(description="A PEM file of authorities to trust for homes, beside the system's.")
    ] = None
    admin_key: Annotated[
        Secret | None,
        Meta(description="Where the key is by which callers' keys are managed on the admin port."),
    ] = None
    drain: Annotated[Duration, Meta(description="How long calls may finish when it stops.")] = Duration("30s")
    timeouts: Annotated[TimeoutSettings, Meta(description="How long the gateway waits.")] = TimeoutSettings()


class StateSettings(Struct, frozen=True, kw_only=True):
    """What gateway processes share: callers' keys, the use of their limits, news of homes' health.

    Left out, it is a SQLite file on this machine. With both, PostgreSQL keeps keys and dollars, and Redis
    what lasts a minute or less.
    """

    file: Annotated[
        str | None,
        Meta(description="The SQLite file, for several gateways of one machine.  Else in FREEHOLD_HOME."),
    ] = None

    postgres: Annotated[
        Secret | None, Meta(description="Where the PostgreSQL address is, with its password.")
    ] = None
    redis: Annotated[Secret | None, Meta(description="Where the Redis or Valkey address is.")] = None
    lease: Annotated[
        Duration, Meta(description="Without a word for so long, a process is taken for gone.")
    ] = Duration("15s")
    ready: Annotated[
        Duration,
        Meta(description="How much of a limit a process holds ready, as time at the key's own rate."),
    ] = Duration("10s")
