"""The gateway's part of freehold.toml: where it listens, how long it waits, what it refuses, shared state."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from freehold.config.secrets import Secret
from freehold.config.values import Duration, Size
from freehold.gateway.hedge import HedgeRules
from freehold.gateway.order import MILLION, OrderRules
from freehold.gateway.queueing import QueueRules

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


class OrderSettings(Struct, frozen=True, kw_only=True):
    """What decides which home a call asks first, among those its policy allows and that are well."""

    spread: Annotated[
        bool,
        Meta(
            description="Share calls among equally good homes even where all weights are the same. "
            "Otherwise the order of the workload's homes decides."
        ),
    ] = False
    price: Annotated[
        bool, Meta(description="Compare what a typical call costs, where all prices are known.")
    ] = True
    slow: Annotated[
        Annotated[float, Meta(ge=0, le=1000)],
        Meta(description="So many times the fastest home's time to first content is slow. 0: not compared."),
    ] = 2.0
    affinity: Annotated[
        bool, Meta(description="Send the same beginning of a prompt to the home that has seen it.")
    ] = True
    crowd: Annotated[
        Annotated[float, Meta(ge=1, le=100)],
        Meta(description="Where calls are shared: a home may have so many times the mean of calls at work."),
    ] = 1.25
    keep_basis: Annotated[
        bool, Meta(description="Keep in each record everything its choice of homes was made from.")
    ] = False
    metrics_every: Annotated[
        Duration, Meta(description="How often homes with `options.metrics` are asked for their load.")
    ] = Duration("2s")

    @property
    def rules(self) -> OrderRules:
        return OrderRules(
            spread=self.spread, price=self.price, slow_ppm=int(self.slow * MILLION), affinity=self.affinity,
            crowd_ppm=int(self.crowd * MILLION),
        )  # fmt: skip


class QueueSettings(Struct, frozen=True, kw_only=True):
    """A short wait for room, where every home of a workload is full."""

    calls_max: Annotated[
        Annotated[int, Meta(ge=0, le=100_000)],
        Meta(description="Calls that wait at once, for each workload and process. 0: none."),
    ] = 200
    wait: Annotated[Duration, Meta(description="How long one of them waits at most.")] = Duration("5s")

    @property
    def rules(self) -> QueueRules:
        return QueueRules(calls_max=self.calls_max, seconds_max=self.wait.seconds)


class HedgeSettings(Struct, frozen=True, kw_only=True):
    """A second home is asked when the first is unusually slow; the one that answers first is heard."""

    enabled: Annotated[bool, Meta(description="Off unless you say so: it costs money.")] = False
    quantile: Annotated[
        Annotated[float, Meta(gt=0, lt=1)],
        Meta(description="Of a home's own times to first content, after which it is slow."),
    ] = 0.95
    calls_share_max: Annotated[
        Annotated[float, Meta(ge=0, le=1)], Meta(description="Hedges per call, at most.")
    ] = 0.05
    cost_share_max: Annotated[
        Annotated[float, Meta(ge=0, le=1)], Meta(description="What hedges may cost, of what calls cost.")
    ] = 0.05
    delay_min: Annotated[Duration, Meta(description="No hedge comes sooner.")] = Duration("50ms")

    @property
    def rules(self) -> HedgeRules:
        return HedgeRules(
            quantile=self.quantile, calls_share_max=self.calls_share_max, cost_share_max=self.cost_share_max,
            delay_seconds_min=self.delay_min.seconds,
        )  # fmt: skip


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
    order: Annotated[OrderSettings, Meta(description="Which home comes first.")] = OrderSettings()
    queue: Annotated[QueueSettings, Meta(description="Waiting for room.")] = QueueSettings()
    hedge: Annotated[HedgeSettings, Meta(description="Asking a second home.")] = HedgeSettings()


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
