"""How others choose, told anew from what they publish, for the simulated homes of bench/capacity.py.

LiteLLM 1.106.2, as its documentation and defaults have it (docs.litellm.ai, router pages, read 2026-11):
among the deployments that do not cool down a strategy picks one; a 429 cools that deployment down for its
Retry-After, else for 5 s, where there is more than one; two retries, at once while a deployment is not
cooling, else after the Retry-After or 0.5 s doubling, with up to 0.75 s at random; with all of them cooling
the call is refused.

Portkey's open gateway (portkey.ai/docs, its retry handler, read 2026-11): a target is drawn by weight and
keeps the call; 429 is retried there after 1 s doubling, or after the provider's Retry-After where that is
switched on (up to 60 s); `fallback` goes on to the next target at a 429. It keeps no state between calls.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable
from statistics import fmean

from bench.capacity_sim import DEADLINE_S, Asked, Home, World

COOLDOWN_S = 5.0
RETRIES = 2
LATENCIES_KEPT = 10
PORTKEY_WAIT_MAX_S = 60.0

Arrive = Callable[[Asked], None]
Strategy = Callable[[World], Arrive]


class LiteLLM:
    """One router over all homes as one model group."""

    def __init__(self, world: World, pick: str, *, limits: bool = False) -> None:
        self._world, self._pick, self._limits = world, pick, limits
        self._until: dict[str, float] = {}
        self._tokens: dict[tuple[str, int], float] = defaultdict(float)  # by home and minute
        self._calls: dict[tuple[str, int], float] = defaultdict(float)
        self._latencies: dict[str, deque[float]] = defaultdict(lambda: deque(maxlen=LATENCIES_KEPT))

    def arrive(self, asked: Asked) -> None:
        self._try(asked, RETRIES)

    def _try(self, asked: Asked, left: int) -> None:
        sim = self._world.sim
        if sim.now - asked.arrival.at > DEADLINE_S:
            asked.gave_up = True
            return
        home = self._choose(asked)
        if home is None:
            self._again(asked, left, None)
            return
        started, minute = sim.now, int(sim.now / 60)
        self._calls[home.name, minute] += 1

        def admitted(asked: Asked, fits: bool, headers: dict[str, str]) -> None:
            if not fits:
                after = float(headers["retry-after-ms"]) / 1000 if "retry-after-ms" in headers else None
                self._until[home.name] = sim.now + (after or COOLDOWN_S)
                self._again(asked, left, after)

        def ended() -> None:
            tokens = asked.arrival.input + asked.arrival.output
            self._tokens[home.name, int(sim.now / 60)] += tokens
            self._latencies[home.name].append((sim.now - started) / max(asked.arrival.output, 1))

        self._world.ask(home, asked, admitted, ended)

    def _again(self, asked: Asked, left: int, after: float | None) -> None:
        if left == 0:
            asked.gave_up = True
            return
        sim = self._world.sim
        if self._healthy():
            self._try(asked, left - 1)
            return
        wait = after if after is not None and after <= 60 else min(0.5 * 2 ** (RETRIES - left), 8.0)
        sim.after(wait + 0.75 * sim.random.random(), lambda: self._try(asked, left - 1))

    def _healthy(self) -> list[Home]:
        now = self._world.sim.now
        return [home for home in self._world.homes if self._until.get(home.name, 0.0) <= now]

    def _choose(self, asked: Asked) -> Home | None:
        homes, minute = self._healthy(), int(self._world.sim.now / 60)
        if self._limits and self._pick != "simple-shuffle":
            homes = [home for home in homes if self._under(home, asked, minute)]
        if not homes:
            return None
        chance = self._world.sim.random
        match self._pick:
            case "simple-shuffle":
                weights = [(home.requests_per_min or 1.0) if self._limits else 1.0 for home in homes]
                return chance.choices(homes, weights)[0]
            case "least-busy":
                return min(homes, key=lambda home: (home.in_flight, chance.random()))
            case "latency-based":
                kept = self._latencies
                return min(
                    homes,
                    key=lambda home: (fmean(kept[home.name]) if kept[home.name] else 0.0, chance.random()),
                )
            case _:
                return min(homes, key=lambda home: (self._tokens[home.name, minute], chance.random()))

    def _latency(self, home: Home) -> float:
        kept = self._latencies[home.name]
        return fmean(kept) if kept else 0.0

    def _under(self, home: Home, asked: Asked, minute: int) -> bool:
        calls, tokens = self._calls[home.name, minute], self._tokens[home.name, minute]
        return (home.requests_per_min is None or calls + 1 <= home.requests_per_min) and (
            home.tokens_per_min is None or tokens + asked.arrival.input <= home.tokens_per_min
        )


class Portkey:
    """A configuration of `loadbalance` or `fallback` with retries."""

    def __init__(self, world: World, mode: str, *, retries: int, follows: bool = False) -> None:
        self._world, self._mode, self._retries, self._follows = world, mode, retries, follows

    def arrive(self, asked: Asked) -> None:
        homes = list(self._world.homes)
        if self._mode == "loadbalance":
            homes = [self._world.sim.random.choice(homes)]
        self._try(asked, homes, 0, 0)

    def _try(self, asked: Asked, homes: list[Home], at: int, attempt: int) -> None:
        sim = self._world.sim
        if sim.now - asked.arrival.at > DEADLINE_S:
            asked.gave_up = True
            return

        def admitted(asked: Asked, fits: bool, headers: dict[str, str]) -> None:
            if fits:
                return
            if attempt < self._retries:
                wait = 2.0**attempt
                if self._follows and "retry-after-ms" in headers:
                    wait = float(headers["retry-after-ms"]) / 1000
                if wait <= PORTKEY_WAIT_MAX_S:
                    sim.after(wait, lambda: self._try(asked, homes, at, attempt + 1))
                    return
            if at + 1 < len(homes):
                self._try(asked, homes, at + 1, 0)
            else:
                asked.gave_up = True

        self._world.ask(homes[at], asked, admitted, lambda: None)


def peers(*, limits: bool) -> dict[str, Strategy]:
    """`limits`: their owner has configured each deployment's share of what is published."""
    found: dict[str, Strategy] = {
        f"LiteLLM {pick}": lambda world, pick=pick: LiteLLM(world, pick).arrive  # type: ignore[misc]
        for pick in ("simple-shuffle", "least-busy", "latency-based", "usage-based-v2")
    }
    if limits:
        for pick in ("simple-shuffle", "usage-based-v2"):
            found[f"LiteLLM {pick}, rpm and tpm set"] = lambda world, pick=pick: (
                LiteLLM(  # type: ignore[misc]
                    world, pick, limits=True
                ).arrive
            )
    found["Portkey loadbalance, 5 retries"] = lambda world: Portkey(world, "loadbalance", retries=5).arrive
    found["Portkey loadbalance, 5 retries after Retry-After"] = lambda world: (
        Portkey(world, "loadbalance", retries=5, follows=True).arrive
    )
    found["Portkey fallback on 429"] = lambda world: Portkey(world, "fallback", retries=0).arrive
    found["Portkey fallback on 429, 2 retries each"] = lambda world: (
        Portkey(world, "fallback", retries=2).arrive
    )
    return found
