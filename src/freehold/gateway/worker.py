"""One gateway process: the data plane on its socket, settings read anew on request, a graceful end."""

from __future__ import annotations

import asyncio
import gc
import os
import random
import resource
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final, TextIO

import msgspec

from freehold.clock import Clock, SystemClock
from freehold.errors import FreeholdError, ProblemsError
from freehold.estate.model import Estate
from freehold.gateway.amounts import Standing
from freehold.gateway.auth.identity import FIRST_SECONDS_MAX
from freehold.gateway.capacity import name_of
from freehold.gateway.content import Seal
from freehold.gateway.desk import KeyDesk, Visit
from freehold.gateway.exposition import Snapshot, series, snapshot
from freehold.gateway.gossip import gossip
from freehold.gateway.memory import keep_trimmed
from freehold.gateway.pins import PinFile
from freehold.gateway.plane import Plane
from freehold.gateway.routes import check_homes
from freehold.gateway.settings import GatewaySettings
from freehold.gateway.sharing import Sharing, Stores
from freehold.gateway.telemetry import Telemetry, Tracing, Watched
from freehold.gateway.tls import HANDSHAKE_SECONDS_MAX, Certificates
from freehold.types.contracts import Recorder
from freehold.types.names import HomeId

if TYPE_CHECKING:
    from freehold.gateway.telemetry.exporter import Exporter

GC_THRESHOLD: Final = 50_000  # calls make no cycles; rare collections are enough and short
_AT_START: Final = ("host", "port", "admin_port", "workers")
KEYS_SECONDS_MAX: Final = 5.0  # to read the keys before calls are taken
PAGE_BYTES: Final = resource.getpagesize()


class Settled(msgspec.Struct, frozen=True, kw_only=True):
    """Everything one reading of the configuration gives."""

    estate: Estate
    settings: GatewaySettings
    credentials: Mapping[HomeId, str]
    strict: bool = False  # answer only once the record is on disk, whatever the policy says
    seal: Seal | None = None  # how what was said is kept; None: only its digest is


Read = Callable[[], Settled]
ReceiptOf = Callable[[Recorder, str], tuple[int, bytes]]  # status and JSON, from whoever keeps the records


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a reload: the problems that kept the old settings in force, or none."""

    generation: int
    problems: tuple[str, ...] = ()
    at_start: tuple[str, ...] = ()  # settings that changed, and take effect at the next start only


class HomeState(msgspec.Struct, frozen=True, kw_only=True):
    home: str
    state: str
    slow: bool
    answered: int
    failed: int
    connections: int
    pool: str = ""  # whose capacity it shares, as /headroom names it
    back_in_s: float = 0.0  # of cooling


class HeadroomState(msgspec.Struct, frozen=True, kw_only=True):
    pools: tuple[Standing, ...]
    waiting: dict[str, int]  # calls that wait for room, by workload
    hedges: int = 0


class Worker:
    """Runs a Plane until it is told to stop."""

    def __init__(
        self, read: Read, recorder: Recorder, *, stores: Stores | None = None, log: TextIO | None = None,
        clock: Clock | None = None, share: int = 1, first: Settled | None = None,
        admin_key: bytes | None = None,
        receipt: ReceiptOf | None = None, telemetry: Telemetry | None = None,
    ) -> None:  # fmt: skip
        self._read, self._recorder, self._stores = read, recorder, stores
        self._log, self._share, self._first = log, share, first
        self._receipt, self._telemetry = receipt, telemetry
        self._exporter: Exporter | None = None
        self.clock = clock or SystemClock()
        self.plane: Plane | None = None
        self._server: asyncio.Server | None = None
        self.sharing: Sharing | None = None
        self._desk: KeyDesk | None = None
        self._admin_key = admin_key
        self._certificates: Certificates | None = None
        self._reloading = asyncio.Lock()
        self._trimming: asyncio.Task[None] | None = None
        self.ready = False

    async def start(self, listening: socket.socket) -> None:
        settled = self._first or self._read()
        loop = asyncio.get_running_loop()
        chance = random.Random()  # noqa: S311  # order and jitter, not secrets
        sharing = None
        if self._stores is not None:
            sharing = self.sharing = Sharing(self._stores, loop=loop, clock=self.clock, chance=chance)
            await sharing.first(KEYS_SECONDS_MAX)
        self._certificates = certificates = Certificates(settled.settings)
        recorder, tracing = self._watched()
        self.plane = plane = Plane(
            settled.estate, settled.settings, recorder, settled.credentials, clock=self.clock, chance=chance,
            keys=sharing.ring if sharing else None, log=self._log, tls=certificates.outward,
            share=self._share,
            strict=settled.strict, seal=settled.seal, tracing=tracing,
            allowance=sharing.allowance if sharing else None,
            pins=None if self._stores is None else PinFile(self._stores.folder / "pins.db"),
        )  # fmt: skip
        self._tell(plane)
        if sharing is not None and self._stores is not None:
            sharing.follow(plane.keys_changed, plane.log.event)
            if self._share > 1 or self._stores.gossips:
                gossip(sharing, plane)
        await asyncio.to_thread(self._first_credentials, FIRST_SECONDS_MAX)
        from freehold.gateway.caller import CallerConnection

        self._server = await loop.create_server(
            lambda: CallerConnection(plane), sock=listening, ssl=certificates.inward, backlog=1024,
            ssl_handshake_timeout=HANDSHAKE_SECONDS_MAX if certificates.inward is not None else None,
        )  # fmt: skip
        self._trimming = loop.create_task(keep_trimmed())
        self.ready = True
        gc.collect()
        gc.freeze()
        gc.set_threshold(GC_THRESHOLD, 20, 20)

    def _watched(self) -> tuple[Recorder, Tracing | None]:
        """The recorder, and where telemetry is wanted, an exporter that is shown what it records."""
        if self._telemetry is None:
            return self._recorder, None
        from freehold.gateway.telemetry.exporter import Exporter
        from freehold.gateway.telemetry.otlp import Protobuf

        encoder = Protobuf(self._telemetry.service_name, f"{socket.gethostname()}-{os.getpid()}")
        self._exporter = Exporter(self._telemetry, encoder, self.clock, say=self._say)
        self._exporter.start()
        return Watched(self._recorder, self._exporter.offer), Tracing(self._telemetry.sample_share)

    def _tell(self, plane: Plane) -> None:
        """Let the exporter hear what was said, where the settings want that told."""
        if self._exporter is not None and self._telemetry is not None and self._telemetry.content:
            plane.sealings.tells = True
            plane.accounts.hear = self._exporter.hear

    def _say(self, words: str) -> None:
        if self.plane is not None:
            self.plane.log.event(words)

    async def reload(self) -> Report:
        """Read the settings again. If anything is wrong with them, nothing changes."""
        async with self._reloading:
            return await self._reload()

    async def _reload(self) -> Report:
        plane, certificates = self._plane(), self._certificates
        assert certificates is not None
        before = plane.generation.settings
        try:
            settled = await asyncio.to_thread(self._read_all)
            pair = certificates.read(settled.settings)
            plane.reload(
                settled.estate, settled.settings, settled.credentials, tls=pair.outward,
                strict=settled.strict, seal=settled.seal,
            )  # fmt: skip
            certificates.take(pair)
        except ProblemsError as error:
            problems = tuple(problem.render(error.source) for problem in error.problems)
            return self._kept(plane, problems)
        except FreeholdError as error:
            return self._kept(plane, (error.render(),))
        late = at_start_only(before, settled.settings)
        words = f"; {', '.join(late)}: at the next start" if late else ""
        plane.log.event(f"settings read: generation {plane.generation.number}{words}")
        return Report(generation=plane.generation.number, at_start=late)

    def _first_credentials(self, seconds: float) -> None:
        """Calls are taken once every identity has made its first try, or so much time is up."""
        end_ns = self.clock.monotonic_ns() + int(seconds * 1e9)
        for live in list(self._plane().lives.values()):
            if live.identity is not None:
                live.identity.wait_first(max((end_ns - self.clock.monotonic_ns()) / 1e9, 0.0))

    def _read_all(self) -> Settled:
        """Whatever may block, in a thread: files, commands that give credentials, the clouds' libraries."""
        settled = self._read()
        check_homes(settled.estate, settled.credentials)
        return settled

    def _kept(self, plane: Plane, problems: tuple[str, ...]) -> Report:
        plane.log.event(
            f"settings not read, the old ones stay: {len(problems)} problem(s)\n" + "\n".join(problems)
        )
        return Report(generation=plane.generation.number, problems=problems)

    async def stop(self) -> int:
        """Readiness first, then no new connections, then the last calls. How many were cut off."""
        self.ready = False
        plane = self._plane()
        plane.draining = True
        if self._server is not None:
            self._server.close()
        if self._trimming is not None:
            self._trimming.cancel()
        left = await plane.drain(plane.generation.settings.drain.seconds)
        if self._exporter is not None:
            await asyncio.to_thread(self._exporter.close)
        plane.close()
        if self.sharing is not None:
            await self.sharing.end()
        if self._desk is not None:
            await self._desk.close()
        return left

    def settle(self) -> None:
        """Before anything is told: calls that are over are in the books."""
        if self.plane is not None:
            self.plane.accounts.settle()

    def measure(self) -> Snapshot:
        plane = self._plane()
        gauges: dict[str, float] = {
            "freehold_calls_in_flight": plane.in_flight,
            "freehold_connections": len(plane.connections),
            "freehold_generation": plane.generation.number,
            "freehold_draining": float(plane.draining),
            "freehold_resident_bytes": resident_bytes(),
        }
        for id, live in plane.lives.items():
            gauges[series("freehold_home_state", home=id)] = _state_number(
                live.health.state, live.health.slow
            )
            gauges[series("freehold_home_connections", home=id)] = len(live.pool.connections)
        if self.sharing is not None:
            gauges |= self.sharing.gauges()
        gauges.update(_traffic(plane))
        if self._exporter is not None:
            gauges["freehold_telemetry_sent_total"] = self._exporter.sent
            gauges["freehold_telemetry_dropped_total"] = self._exporter.dropped
        return snapshot(plane.metrics, gauges)

    @property
    def away(self) -> str:
        return "; ".join(self.sharing.away) if self.sharing is not None else ""

    @property
    def knows_keys(self) -> bool:
        """False where the state has been away since the start, and no process here had read it before."""
        return self.sharing is None or self.sharing.ring.read

    def _at_desk(self) -> KeyDesk | None:
        if self._desk is None and self._stores is not None:
            self._desk = KeyDesk(self._stores, self.clock, self._admin_key)
        return self._desk

    async def keys(self, visit: Visit | None) -> tuple[int, bytes]:
        desk = self._at_desk()
        if desk is None or visit is None:
            return 404, b'{"code":"gateway.no-such-path","what":"this gateway keeps no keys"}'
        if self.away:  # known already: whoever asks how we are must not wait behind it
            return 503, b'{"code":"gateway.state-away","what":"the shared state does not answer"}'
        return await desk.answer(visit)

    async def limits(self) -> Snapshot:
        desk = self._at_desk()
        if desk is None or self.away:
            return Snapshot(counters={}, gauges={})
        return await desk.limits(self._plane().now())

    def receipt(self, id: str) -> tuple[int, bytes]:
        """Reads the disk, so it is asked for in a thread."""
        if self._receipt is None:
            return 404, b'{"code":"gateway.no-receipts","what":"this gateway keeps no ledger"}'
        return self._receipt(self._recorder, id)

    def homes(self) -> list[HomeState]:
        plane = self._plane()
        known, now = plane.generation.estate.homes, plane.now()
        return [
            HomeState(
                home=id, state=live.health.state, slow=live.health.slow, answered=live.answered,
                failed=live.failed, connections=len(live.pool.connections),
                pool=name_of(known[id]) if id in known else "",
                back_in_s=max(0.0, live.health.until - now) if live.health.state == "cooling" else 0.0,
            )
            for id, live in plane.lives.items()
        ]  # fmt: skip

    def headroom(self) -> HeadroomState:
        plane = self._plane()
        traffic = plane.traffic
        return HeadroomState(
            pools=tuple(traffic.capacity.snapshot(plane.now())), waiting=traffic.lengths(),
            hedges=0 if plane.hedging is None else plane.hedging.started_count,
        )  # fmt: skip

    def _plane(self) -> Plane:
        if self.plane is None:
            raise RuntimeError("the worker has not started")
        return self.plane


def _traffic(plane: Plane) -> dict[str, float]:
    """Room, queues and hedges. A pool whose room is not known has no line of it."""
    traffic, found = plane.traffic, dict[str, float]()
    for standing in traffic.capacity.snapshot(plane.now()):
        if standing.room is not None:
            found[series("freehold_pool_room", pool=standing.pool)] = standing.room
        found[series("freehold_pool_in_flight", pool=standing.pool)] = standing.in_flight
        found[series("freehold_pool_throttled_total", pool=standing.pool)] = standing.throttled
    lengths = {**dict.fromkeys(plane.generation.plans, 0), **traffic.lengths()}
    for workload, length in lengths.items():
        found[series("freehold_queue_length", workload=workload)] = length
    hedging = plane.hedging
    found["freehold_hedges_total"] = 0 if hedging is None else hedging.started_count
    found["freehold_hedges_won_total"] = 0 if hedging is None else hedging.won_count
    found["freehold_queued_total"] = traffic.queued_count
    found["freehold_turned_away_total"] = traffic.turned_away_count
    return found


def at_start_only(before: GatewaySettings, after: GatewaySettings) -> tuple[str, ...]:
    """What has changed that an open port cannot follow."""
    found = [name for name in _AT_START if getattr(before, name) != getattr(after, name)]
    if (before.tls_cert is None) != (after.tls_cert is None):
        found.append("tls_cert")
    return tuple(f"gateway.{name}" for name in found)


def _state_number(state: str, slow: bool) -> int:
    return {"closed": 1 if slow else 0, "ramping": 1, "half_open": 2, "cooling": 3}[state]


def resident_bytes() -> int:
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE_BYTES
    except (OSError, ValueError, IndexError):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
