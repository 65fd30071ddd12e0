"""One gateway process: the data plane on its socket, settings read anew on request, a graceful end."""

from __future__ import annotations

import asyncio
import gc
import random
import resource
import socket
import ssl
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, TextIO

import msgspec

from freehold.clock import Clock, SystemClock
from freehold.errors import FreeholdError, InputError, ProblemsError
from freehold.estate.model import Estate
from freehold.gateway.content import Seal
from freehold.gateway.metrics import Snapshot, series, snapshot
from freehold.gateway.plane import Plane
from freehold.gateway.settings import GatewaySettings
from freehold.gateway.sharing import Sharing, Stores
from freehold.types.contracts import Recorder
from freehold.types.names import HomeId

GC_THRESHOLD: Final = 50_000  # calls make no cycles; rare collections are enough and short
KEYS_SECONDS_MAX: Final = 5.0  # to read the keys before calls are taken
PAGE_BYTES: Final = resource.getpagesize()


class Settled(msgspec.Struct, frozen=True, kw_only=True):
    """Everything one reading of the configuration gives."""

    estate: Estate
    settings: GatewaySettings
    credentials: Mapping[HomeId, str]


Read = Callable[[], Settled]
ReceiptOf = Callable[[Recorder, str], tuple[int, bytes]]  # status and JSON, from whoever keeps the records


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a reload: the problems that kept the old settings in force, or none."""

    generation: int
    problems: tuple[str, ...] = ()


class HomeState(msgspec.Struct, frozen=True, kw_only=True):
    home: str
    state: str
    slow: bool
    answered: int
    failed: int
    connections: int


class Worker:
    """Runs a Plane until it is told to stop."""

    def __init__(
        self, read: Read, recorder: Recorder, *, stores: Stores | None = None, log: TextIO | None = None,
        clock: Clock | None = None, first: Settled | None = None,
        receipt: ReceiptOf | None = None, strict: bool = False,
        seal: Seal | None = None,
    ) -> None:  # fmt: skip
        self._read, self._recorder, self._stores = read, recorder, stores
        self._log, self._first = log, first
        self._receipt, self._strict, self._seal = receipt, strict, seal
        self.clock = clock or SystemClock()
        self.plane: Plane | None = None
        self._server: asyncio.Server | None = None
        self.sharing: Sharing | None = None
        self.ready = False

    async def start(self, listening: socket.socket) -> None:
        settled = self._first or self._read()
        loop = asyncio.get_running_loop()
        chance = random.Random()  # noqa: S311  # order and jitter, not secrets
        sharing = None
        if self._stores is not None:
            sharing = self.sharing = Sharing(self._stores, loop=loop, clock=self.clock, chance=chance)
            await sharing.first(KEYS_SECONDS_MAX)
        self.plane = plane = Plane(
            settled.estate, settled.settings, self._recorder, settled.credentials, clock=self.clock,
            chance=chance, keys=sharing.ring if sharing else None, log=self._log,
            tls=tls_out(settled.settings), strict=self._strict, seal=self._seal,
            allowance=sharing.allowance if sharing else None,
        )  # fmt: skip
        if sharing is not None:
            sharing.follow(plane.keys_changed)
        from freehold.gateway.caller import CallerConnection

        self._server = await loop.create_server(
            lambda: CallerConnection(plane), sock=listening, ssl=tls_in(settled.settings), backlog=1024
        )
        self.ready = True
        gc.collect()
        gc.freeze()
        gc.set_threshold(GC_THRESHOLD, 20, 20)

    def reload(self) -> Report:
        """Read the settings again. If anything is wrong with them, nothing changes."""
        plane = self._plane()
        try:
            settled = self._read()
            plane.reload(settled.estate, settled.settings, settled.credentials)
        except ProblemsError as error:
            problems = tuple(problem.render(error.source) for problem in error.problems)
            return self._kept(plane, problems)
        except FreeholdError as error:
            return self._kept(plane, (error.render(),))
        plane.log.event(f"settings read: generation {plane.generation.number}")
        return Report(generation=plane.generation.number)

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
        left = await plane.drain(plane.generation.settings.drain.seconds)
        plane.close()
        if self.sharing is not None:
            await self.sharing.end()
        return left

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
        return snapshot(plane.metrics, gauges)

    def receipt(self, id: str) -> tuple[int, bytes]:
        """Reads the disk, so it is asked for in a thread."""
        if self._receipt is None:
            return 404, b'{"code":"gateway.no-receipts","what":"this gateway keeps no ledger"}'
        return self._receipt(self._recorder, id)

    def homes(self) -> list[HomeState]:
        return [
            HomeState(
                home=id, state=live.health.state, slow=live.health.slow, answered=live.answered,
                failed=live.failed, connections=len(live.pool.connections),
            )
            for id, live in self._plane().lives.items()
        ]  # fmt: skip

    def _plane(self) -> Plane:
        if self.plane is None:
            raise RuntimeError("the worker has not started")
        return self.plane


def _state_number(state: str, slow: bool) -> int:
    return {"closed": 1 if slow else 0, "ramping": 1, "half_open": 2, "cooling": 3}[state]


def resident_bytes() -> int:
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE_BYTES
    except (OSError, ValueError, IndexError):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def tls_in(settings: GatewaySettings) -> ssl.SSLContext | None:
    """The certificate callers see, if calls come in by TLS."""
    if settings.tls_cert is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(settings.tls_cert, settings.tls_key)
    except (OSError, ssl.SSLError) as error:
        raise _bad_tls("tls_cert", settings.tls_cert, error) from error
    return context


def tls_out(settings: GatewaySettings) -> ssl.SSLContext:
    """How homes' certificates are checked. There is no way to switch it off."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if settings.tls_ca is not None:
        try:
            context.load_verify_locations(settings.tls_ca)
        except (OSError, ssl.SSLError) as error:
            raise _bad_tls("tls_ca", settings.tls_ca, error) from error
    return context


def _bad_tls(setting: str, path: str, error: Exception) -> InputError:
    return InputError(
        f"gateway.{setting} {path!r} cannot be used", why=str(error), fix="name a PEM file that can be read",
        code="gateway.bad-tls",
    )  # fmt: skip
