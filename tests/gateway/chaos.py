"""Chaos for the gateway: callers who check every word while homes die, stall and come back."""

from __future__ import annotations

import asyncio
import random

import msgspec

from freehold.config import Duration
from freehold.gateway.settings import TimeoutSettings
from freehold.pocket import FaultRule, PocketHome
from freehold.types.homes import Policy
from tests.gateway.running import QUICK, Got, Street, ask, street

WORDS = 24
CALLERS = 16
CALL_SECONDS_MAX = 15.0
FAULTS = (
    "stall", "cut_fin", "cut_rst", "silent", "malformed_chunk", "error_in_stream", "no_terminal",
    "overloaded", "server_error", "rate_limited", "refuse", "reset_on_accept", "truncated_body",
    "bad_gateway",
)  # fmt: skip


class Tally(msgspec.Struct):
    """How calls ended, as their callers saw it."""

    right: int = 0
    honest: int = 0  # an error that said so
    wrong: int = 0
    hung: int = 0
    rescued: int = 0
    notes: list[str] = []

    @property
    def calls(self) -> int:
        return self.right + self.honest + self.wrong + self.hung


# For runs of thousands of calls: short enough that many stalls are met, long for a home that is well.
PATIENT = TimeoutSettings(
    connect=Duration("800ms"), header=Duration("800ms"), first_content=Duration("800ms"),
    idle=Duration("800ms"), total=Duration("10s"),
)  # fmt: skip


async def chaos(
    calls: int, seed: int, on_cut: str, between_seconds: float, timeouts: TimeoutSettings = QUICK
) -> Tally:
    """`calls` calls, half of them streams, over three homes of which one is always well."""
    chance = random.Random(seed)
    tally = Tally(notes=[])
    policy = Policy(on_cut=on_cut)  # type: ignore[arg-type]
    async with street(("openai", "anthropic", "bedrock-converse"), policy=policy, timeouts=timeouts) as place:
        right = (await place.post(ask(f"[pocket words tokens={WORDS}]"))).text
        trouble = asyncio.create_task(_trouble(place, chance, between_seconds))
        left = iter(range(calls))
        await asyncio.gather(*(_caller(place, number, left, right, tally) for number in range(CALLERS)))
        trouble.cancel()
        await asyncio.gather(trouble, return_exceptions=True)
        tally.rescued = sum(record.rescued for record in place.kept.calls)
        assert place.plane.in_flight == 0
    return tally


async def _trouble(place: Street, chance: random.Random, between_seconds: float) -> None:
    """Two homes are troubled in turn; the third is left alone until they change places."""
    while True:
        well = chance.randrange(3)
        for number, home in enumerate(place.homes):
            if number == well:
                await home.set_faults({})
            else:
                await home.set_faults(_rules(chance))
        await asyncio.sleep(between_seconds * chance.uniform(0.5, 1.5))
        if chance.random() < 0.2:
            await _restart(chance.choice(place.homes))
        if chance.random() < 0.3:  # what SIGHUP does
            generation = place.plane.generation
            keys = dict.fromkeys(generation.estate.homes, "any")
            place.plane.reload(generation.estate, generation.settings, keys)


async def _restart(home: PocketHome) -> None:
    """Killed and back on the same port: what was half sent is broken off."""
    await home.set_faults({"down": FaultRule(fault="refuse")})
    await asyncio.sleep(0.01)
    await home.set_faults({})


def _rules(chance: random.Random) -> dict[str, FaultRule]:
    fault = chance.choice(FAULTS)
    return {
        "it": FaultRule(
            fault=fault, probability=chance.choice((0.3, 1.0)), seed=chance.randrange(1000),  # type: ignore[arg-type]
            after=chance.randrange(WORDS), retry_after_s=0.05, seconds=0.01,
        )
    }  # fmt: skip


async def _caller(place: Street, number: int, left: object, right: str, tally: Tally) -> None:
    for turn in left:  # type: ignore[attr-defined]
        stream = (turn + number) % 2 == 0
        try:
            async with asyncio.timeout(CALL_SECONDS_MAX):
                got = await place.post(ask(f"[pocket words tokens={WORDS}]", stream=stream))
        except TimeoutError:
            tally.hung += 1
            continue
        _judge(got, stream, right, tally)


def _judge(got: Got, stream: bool, right: str, tally: Tally) -> None:
    if got.status != 200:
        tally.honest += 1
        tally.notes.append(got.error)
    elif got.text == right and (got.finished or not stream):
        tally.right += 1
    elif stream and got.broken_off and right.startswith(got.text):
        tally.honest += 1
        tally.notes.append(got.body[-400:].decode())
    else:
        tally.wrong += 1
        tally.notes.append(repr(got.body[-400:]))
