"""Virtual time, simulated homes with the limits that vendors have, and the arrivals of a real service.

Nothing sleeps: events are taken from a heap. Vendors admit or throttle at once, as they do, and tell of it in
their own headers or not at all. What a caller sees is when its answer was admitted, or that it never was.
"""

from __future__ import annotations

import csv
import heapq
import itertools
import os
import random
from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Literal

import msgspec

RTT_S = 0.04  # to a home and back
DEADLINE_S = 30.0  # a caller that has no answer begun by then has gone
BYTES_PER_TOKEN = 4.2


class Arrival(msgspec.Struct, frozen=True, kw_only=True):
    at: float
    input: int
    output: int


class Sim:
    """A heap of what is still to happen."""

    def __init__(self, seed: int) -> None:
        self.now = 0.0
        self.random = random.Random(seed)
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._count = itertools.count()

    def at(self, when: float, do: Callable[[], None]) -> None:
        heapq.heappush(self._heap, (max(when, self.now), next(self._count), do))

    def after(self, seconds: float, do: Callable[[], None]) -> None:
        self.at(self.now + seconds, do)

    def run(self) -> None:
        while self._heap:
            self.now, _, do = heapq.heappop(self._heap)
            do()


class Vendor(msgspec.Struct, kw_only=True):
    """A pool as its vendor keeps it. `burst_s`: seconds' worth of a rate that may be used at once."""

    requests_per_min: float | None = None
    tokens_per_min: float | None = None
    burst_s: float = 60.0
    tells: Literal["openai", "ptu", "nothing"] = "nothing"
    others_per_min: float = 0.0  # calls of somebody else on the same quota, in waves of two minutes
    calls: float = 0.0  # used of the bucket
    tokens: float = 0.0
    at: float = 0.0
    throttled: int = 0
    admitted: int = 0

    def admit(self, arrival: Arrival, now: float) -> tuple[bool, dict[str, str]]:
        """Is there room, and what do the headers say?"""
        self._flow(now)
        fits = self._fits(arrival)
        if fits:
            self.admitted += 1
            self.calls += 1
            self.tokens += arrival.input + arrival.output
        else:
            self.throttled += 1
        return fits, self._headers(arrival, fits)

    def _flow(self, now: float) -> None:
        seconds, self.at = now - self.at, now
        for name, limit in (("calls", self.requests_per_min), ("tokens", self.tokens_per_min)):
            if limit is not None:
                setattr(self, name, max(0.0, getattr(self, name) - seconds * limit / 60))
        if self.others_per_min and int(now / 120) % 2 and self.requests_per_min is not None:
            self.calls = min(self.calls + seconds * self.others_per_min / 60, self._depth("calls"))

    def _depth(self, name: str) -> float:
        limit = self.requests_per_min if name == "calls" else self.tokens_per_min
        return float("inf") if limit is None else max(limit * self.burst_s / 60, 1.0)

    def _fits(self, arrival: Arrival) -> bool:
        if self.tells == "ptu":  # a leaky bucket of utilisation: full is full, whatever the call
            return self.tokens < self._depth("tokens")
        if self.calls + 1 > self._depth("calls"):
            return False
        size = min(arrival.input + arrival.output, self._depth("tokens"))
        return self.tokens + size <= self._depth("tokens")

    def _wait(self, arrival: Arrival) -> float:
        waits = [0.0]
        if self.requests_per_min is not None:
            waits.append((self.calls + 1 - self._depth("calls")) * 60 / self.requests_per_min)
        if self.tokens_per_min is not None:
            size = 1 if self.tells == "ptu" else min(arrival.input + arrival.output, self._depth("tokens"))
            waits.append((self.tokens + size - self._depth("tokens")) * 60 / self.tokens_per_min)
        return max(waits)

    def _headers(self, arrival: Arrival, fits: bool) -> dict[str, str]:
        told: dict[str, str] = {}
        if self.tells == "nothing":
            return told
        if self.tells == "ptu":
            told["azure-openai-deployment-utilization"] = f"{100 * self.tokens / self._depth('tokens'):.1f}%"
        else:
            for kind, name, limit in (
                ("requests", "calls", self.requests_per_min), ("tokens", "tokens", self.tokens_per_min),
            ):  # fmt: skip
                if limit is not None:
                    used = min(getattr(self, name), self._depth(name))
                    told[f"x-ratelimit-limit-{kind}"] = f"{self._depth(name):.0f}"
                    told[f"x-ratelimit-remaining-{kind}"] = f"{int(self._depth(name) - used)}"
                    told[f"x-ratelimit-reset-{kind}"] = f"{used * 60 / limit:.3f}s"
        if not fits:
            told["retry-after-ms"] = str(int(self._wait(arrival) * 1000) + 1)
        return told


class Home(msgspec.Struct, kw_only=True):
    """A place to send calls. `pool` is the name under which its owner knows whose capacity it shares."""

    name: str
    vendor: Vendor
    pool: str
    api: str = "openai"
    requests_per_min: float | None = None  # as its owner would configure them, where they are published
    tokens_per_min: float | None = None
    first_s: float = 0.4
    tokens_per_s: float = 60.0
    in_flight: int = 0


class Asked(msgspec.Struct, kw_only=True, eq=False):
    """One caller's call."""

    arrival: Arrival
    attempts: int = 0
    served_at: float | None = None
    gave_up: bool = False
    body: bytes = b""


Done = Callable[[Asked, bool, dict[str, str]], None]


class World:
    """Homes, and what is counted."""

    def __init__(self, sim: Sim, homes: list[Home]) -> None:
        self.sim, self.homes = sim, homes
        self.calls: list[Asked] = []

    def ask(self, home: Home, asked: Asked, admitted: Done, ended: Callable[[], None]) -> None:
        """Send it; `admitted` tells what the head said, `ended` when the answer is complete."""
        asked.attempts += 1
        home.in_flight += 1

        def arrive() -> None:
            fits, headers = home.vendor.admit(asked.arrival, self.sim.now)
            wait = RTT_S / 2 + (home.first_s if fits else 0.0)
            self.sim.after(wait, lambda: head(fits, headers))

        def head(fits: bool, headers: dict[str, str]) -> None:
            if fits and asked.served_at is None:
                asked.served_at = self.sim.now - home.first_s - RTT_S
            if fits:
                self.sim.after(asked.arrival.output / home.tokens_per_s, done)
            else:
                home.in_flight -= 1
            admitted(asked, fits, headers)

        def done() -> None:
            home.in_flight -= 1
            ended()

        self.sim.after(RTT_S / 2, arrive)


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How a strategy fared."""

    calls: int
    served: int
    throttles: int
    attempts: int
    delay_p50_s: float
    delay_p99_s: float

    @property
    def throttles_per_1000(self) -> float:
        return 1000 * self.throttles / max(self.calls, 1)

    @property
    def goodput(self) -> float:
        return self.served / max(self.calls, 1)


def play(
    arrivals: list[Arrival],
    homes: list[Home],
    strategy: Callable[[World], Callable[[Asked], None]],
    seed: int,
) -> Outcome:  # fmt: skip
    """Every arrival through one strategy."""
    sim = Sim(seed)
    world = World(sim, homes)
    arrive = strategy(world)
    for arrival in arrivals:
        asked = Asked(arrival=arrival, body=b" " * int(arrival.input * BYTES_PER_TOKEN))
        world.calls.append(asked)
        sim.at(arrival.at, partial(arrive, asked))
    sim.run()
    served = [one for one in world.calls if one.served_at is not None]
    in_time = [one for one in served if _delay(one) <= DEADLINE_S]
    delays = sorted(_delay(one) for one in in_time) or [0.0]
    vendors = {id(home.vendor): home.vendor for home in homes}.values()
    return Outcome(
        calls=len(world.calls), served=len(in_time), throttles=sum(one.throttled for one in vendors),
        attempts=sum(one.attempts for one in world.calls), delay_p50_s=delays[len(delays) // 2],
        delay_p99_s=delays[int(len(delays) * 0.99)],
    )  # fmt: skip


def _delay(asked: Asked) -> float:
    """From its arrival to when the home that answered it took it."""
    assert asked.served_at is not None
    return max(0.0, asked.served_at - asked.arrival.at)


def shared(name: str) -> Path:
    """A trace, where the machine has them."""
    return Path(os.environ.get("FREEHOLD_SHARED_DATA", "../shared/data")) / "traces" / name


def azure(path: Path, count: int, speed: float = 1.0) -> list[Arrival]:
    """The arrivals of Azure's public trace, `speed` times as fast."""
    found: list[Arrival] = []
    with path.open(encoding="utf-8") as lines:
        for row in itertools.islice(csv.DictReader(lines), count):
            at = datetime.fromisoformat(row["TIMESTAMP"][:26]).timestamp()
            found.append(Arrival(at=at, input=int(row["ContextTokens"]), output=int(row["GeneratedTokens"])))
    start = found[0].at
    return [msgspec.structs.replace(one, at=(one.at - start) / speed) for one in found]


def made_up(count: int, seed: int, per_second: float = 5.5) -> list[Arrival]:
    """Where no trace is at hand: waves of Poisson arrivals with sizes of the same kind."""
    chance, now = random.Random(seed), 0.0
    found: list[Arrival] = []
    for _ in range(count):
        wave = 1.6 if int(now / 45) % 3 == 0 else 0.7
        now += chance.expovariate(per_second * wave)
        size = int(min(max(chance.lognormvariate(6.9, 0.7), 20), 14_000))
        found.append(
            Arrival(at=now, input=size, output=int(min(max(chance.lognormvariate(4.9, 0.8), 5), 1000)))
        )
    return found


def head_of(headers: dict[str, str]) -> bytes:
    """As the gateway sees them: lower case, each line after its break."""
    return "".join(f"\r\n{name}: {value}" for name, value in headers.items()).encode() + b"\r\n"


class Handle:
    """What `call_later` gives."""

    def __init__(self) -> None:
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class Loop:
    """The one thing the gateway's queues want of a loop, in virtual time."""

    def __init__(self, sim: Sim) -> None:
        self._sim = sim

    def call_later(self, seconds: float, do: Callable[..., Any], *arguments: Any) -> Handle:
        handle = Handle()

        def run() -> None:
            if not handle.cancelled:
                do(*arguments)

        self._sim.after(seconds, run)
        return handle
