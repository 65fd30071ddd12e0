"""Do calls reach the home that has their prompt cached?

    python -m bench.affinity [TRACE.jsonl]    else traces/ under $FREEHOLD_SHARED_DATA

Mooncake's public conversation trace names the blocks of 512 tokens of every prompt. Each is replayed, in
virtual time, on homes with a cache of their own; in the middle one of them dies for five minutes and comes
back empty. Freehold's figures are its own code's (`Chooser`, `Memory`, `Health`), given the trace's blocks.
"""

from __future__ import annotations

import argparse
import random
from collections import OrderedDict
from collections.abc import Callable, Sequence
from heapq import heappop, heappush
from pathlib import Path
from zlib import crc32

import msgspec

from bench.capacity_sim import shared
from bench.harness import RESULTS, Environment, environment
from freehold.gateway.affinity import Prefix, salt_of
from freehold.gateway.amounts import Amount
from freehold.gateway.capacity import Capacity
from freehold.gateway.choosing import Chooser
from freehold.gateway.health import Health
from freehold.gateway.order import OrderRules
from freehold.types.homes import Home as EstateHome
from freehold.types.names import HomeId

HOMES = 8
BLOCK_TOKENS = 512
PREFILL_TOKENS_PER_S, DECODE_TOKENS_PER_S = 10_000.0, 50.0
DEAD_SECONDS = 300.0
TRACE = "mooncake_conversation_first9000.jsonl"
SHARED_BLOCKS = 1  # of the trace, with which every prompt begins: no conversation's own
CACHES = {"unlimited": 10**9, "4,000 blocks": 4000}
LONG = b" " * 4096  # in place of a body: long enough to be looked at


class Call(msgspec.Struct, frozen=True):
    timestamp: int
    input_length: int
    output_length: int
    hash_ids: tuple[int, ...]


class Home:
    """A cache of blocks, and the calls at work."""

    def __init__(self, name: str, blocks_max: int) -> None:
        self.name, self._limit = name, blocks_max
        self._blocks: OrderedDict[int, None] = OrderedDict()
        self.busy = self.calls = 0
        self.alive = True

    def take(self, call: Call) -> int:
        """How many of its blocks are here, one after the other from the first; all of them are afterwards."""
        hits = 0
        for block in call.hash_ids:
            if block not in self._blocks:
                break
            hits += 1
        for block in call.hash_ids:
            self._blocks[block] = None
            self._blocks.move_to_end(block)
        while len(self._blocks) > self._limit:
            self._blocks.popitem(last=False)
        self.calls += 1
        return hits

    def die(self) -> None:
        self.alive, self._blocks = False, OrderedDict()


Pick = Callable[[Call, float], Home]


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """How a way of choosing fared."""

    who: str
    cache: str
    hits: float  # of all blocks
    hits_of_possible: float  # of those that any home had seen before
    after_death: float  # of all blocks, in the ten minutes after the home died
    busiest: float  # calls of the busiest home over the mean


def replay(
    calls: Sequence[Call], homes: list[Home], pick: Pick, done: Callable[[Home, float], None]
) -> list[int]:
    """The hits of each call. `done` hears when a call has ended."""
    hits, ending = [], list[tuple[float, int, Home]]()
    die_at = calls[len(calls) // 2].timestamp / 1000
    for number, call in enumerate(calls):
        now = call.timestamp / 1000
        while ending and ending[0][0] <= now:
            at, _, home = heappop(ending)
            home.busy -= 1
            done(home, at)
        if homes[2].alive and die_at <= now < die_at + DEAD_SECONDS:
            homes[2].die()
        elif now >= die_at + DEAD_SECONDS:
            homes[2].alive = True
        home = pick(call, now)
        hit = home.take(call)
        hits.append(hit)
        home.busy += 1
        missing = max(call.input_length - hit * BLOCK_TOKENS, 0)
        seconds = missing / PREFILL_TOKENS_PER_S + call.output_length / DECODE_TOKENS_PER_S
        heappush(ending, (now + seconds, number, home))
    return hits


def possible(calls: Sequence[Call]) -> int:
    """What one home that had seen everything would have had."""
    seen, found = set[int](), 0
    for call in calls:
        for block in call.hash_ids:
            if block not in seen:
                break
            found += 1
        seen.update(call.hash_ids)
    return found


# --- ways of choosing ---


def round_robin(homes: list[Home]) -> Pick:
    turn = [0]

    def pick(call: Call, now: float) -> Home:
        while True:
            turn[0] += 1
            if homes[turn[0] % len(homes)].alive:
                return homes[turn[0] % len(homes)]

    return pick


def least_busy(homes: list[Home]) -> Pick:
    chance = random.Random(1)
    return lambda call, now: min(
        (home for home in homes if home.alive), key=lambda home: (home.busy, chance.random())
    )


def plain_hashing(homes: list[Home]) -> Pick:
    """The beginning of the conversation, modulo the homes there are."""

    def pick(call: Call, now: float) -> Home:
        alive = [home for home in homes if home.alive]
        return alive[root_of(call) % len(alive)]

    return pick


def root_of(call: Call) -> int:
    return crc32(repr(call.hash_ids[: SHARED_BLOCKS + 1]).encode())


class Route:
    """A home as Freehold's chooser sees it."""

    def __init__(self, home: Home, capacity: Capacity) -> None:
        self.cache = home
        self.home = EstateHome(id=HomeId(home.name), vendor="v", operator="o")
        self.id = self.home.id
        self.headroom = capacity.pool_of(self.home, 0.0)
        self.health = Health(random.Random(1))
        self.nano_usd: int | None = None
        self.nano_usd_held: int | None = None
        self.substitute = False
        self.quality: float | None = None
        self.salt, self.bit = salt_of(home.name), capacity.memory.bit(home.name)


class TraceChooser(Chooser[Route]):
    """Given a call's blocks, where the gateway cuts them from the body."""

    __slots__ = ("call",)
    call: Call

    def _prefix(self, body: bytes) -> Prefix | None:
        chain = self.call.hash_ids[SHARED_BLOCKS:] or self.call.hash_ids
        return Prefix(root_of(self.call), chain)


class Freehold:
    def __init__(self, homes: list[Home]) -> None:
        self._capacity = Capacity()
        routes = [Route(home, self._capacity) for home in homes]
        self._of = {id(route.cache): route for route in routes}
        self._chooser = TraceChooser(routes, OrderRules(spread=True), self._capacity)
        self._draw = random.Random(1).random

    def pick(self, call: Call, now: float) -> Home:
        self._capacity.tick(now)
        self._chooser.call = call
        ordered = self._chooser.ordered(now, self._draw, LONG)
        for route in ordered.routes:
            route.health.asked()
            if not route.cache.alive:
                route.health.failed(now)  # a refused connection
                continue
            route.headroom.send(Amount(1, 1))
            route.health.succeeded(now)
            self._chooser.answered(route, ordered.prefix, LONG, now)
            return route.cache
        raise RuntimeError("no home is alive")

    def done(self, home: Home, now: float) -> None:
        self._of[id(home)].headroom.ended(Amount(1, 1), None, None, 0)


def told(who: str, cache: str, calls: Sequence[Call], make: Callable[[list[Home]], Pick | Freehold]) -> Told:
    homes = [Home(f"home{number}", CACHES[cache]) for number in range(HOMES)]
    made = make(homes)
    if isinstance(made, Freehold):
        hits = replay(calls, homes, made.pick, made.done)
    else:
        hits = replay(calls, homes, made, lambda home, now: None)
    blocks = sum(len(call.hash_ids) for call in calls)
    middle = calls[len(calls) // 2].timestamp
    after = [place for place, call in enumerate(calls) if middle <= call.timestamp < middle + 600_000]
    return Told(
        who=who, cache=cache, hits=sum(hits) / blocks, hits_of_possible=sum(hits) / possible(calls),
        after_death=sum(hits[place] for place in after) / sum(len(calls[place].hash_ids) for place in after),
        busiest=max(home.calls for home in homes) * HOMES / len(calls),
    )  # fmt: skip


WAYS: dict[str, Callable[[list[Home]], Pick | Freehold]] = {
    "Freehold": Freehold, "plain hashing": plain_hashing, "least busy": least_busy,
    "round robin": round_robin,
}  # fmt: skip


class Report(msgspec.Struct, frozen=True, kw_only=True):
    environment: Environment
    calls: int
    possible: float
    rows: list[Told]

    def markdown(self) -> str:
        where = self.environment
        body = msgspec.json.format(msgspec.json.encode(self), indent=2).decode()
        return (
            f"# affinity\n\nThe share of prefix blocks that reach a home that has them: {self.calls} calls "
            f"of Mooncake's conversation trace on {HOMES} homes, of which one dies in the middle for "
            f"{DEAD_SECONDS:.0f} s and comes back empty. One home that had seen everything and never died "
            f"would have {100 * self.possible:.1f} % of the blocks.\n\n{table(self.rows)}\n"
            + "".join(f"- {note}\n" for note in NOTES)
            + f"\nMeasured {where.date} by `{where.command}` at commit `{where.commit}` in virtual time; "
            f"Python {where.python}.\n\n```json\n{body}\n```\n"
        )


NOTES = (
    "Plain hashing: the beginning of the conversation, modulo the homes that are alive, which is the best "
    "that hashing without memory does here; all prompts of the trace share their first block, so hashing "
    "that alone would send everything to one home.",
    "Freehold: `[gateway.order] spread = true`, nothing else configured; equal weights.",
)


def table(rows: Sequence[Told]) -> str:
    lines = [
        "| cache of a home | who | hits, of all blocks | of what is possible | ten minutes after the death "
        "| busiest home, times the mean |",
        "|---|---|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {row.cache} | {row.who} | {100 * row.hits:.1f} % | {100 * row.hits_of_possible:.1f} % "
        f"| {100 * row.after_death:.1f} % | {row.busiest:.2f} |"
        for row in rows
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("trace", type=Path, nargs="?", default=None)
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    decode = msgspec.json.Decoder(Call).decode
    calls = [decode(line) for line in (given.trace or shared(TRACE)).read_bytes().splitlines()]
    where = environment()
    rows = [told(who, cache, calls, make) for cache in CACHES for who, make in WAYS.items()]
    print(table(rows))
    if given.write:
        share = possible(calls) / sum(len(call.hash_ids) for call in calls)
        report = Report(environment=where, calls=len(calls), possible=share, rows=rows)
        (RESULTS / "affinity.md").write_text(report.markdown(), encoding="utf-8")


if __name__ == "__main__":
    main()
