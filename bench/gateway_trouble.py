"""What trouble costs: how much a rescue adds, and how soon a home that grew slow is noticed.

Two pocket homes on the homes' core; the first is told to break for one call, then well again. What a rescue
adds is the time of that call beyond a usual one, and beyond the limit that had to pass where a home says
nothing. Real sockets, a real gateway process, one call at a time.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import os
import statistics
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from bench.gateway_peers import Gateway, freehold
from bench.gateway_pieces import Figure, Found
from bench.gateway_rig import GATEWAY_CORE, HOME_CORE, Rig, Running, end
from freehold.pocket import FaultRule, PocketHome

LIMIT_MS = 200.0  # of the waits for a home, so that a sample does not take half a minute
WELL_BETWEEN = 6  # calls between two failures: one home's breaker is not what is measured
LEARNING_CALLS = 320  # after which a home has a past
SLOW_CALLS_MAX = 200
USUAL_S, SLOW_S = 0.02, 0.06

CONFIG = """\
[models.pocket]
[gateway.timeouts]
header = "{limit}ms"
first_content = "{limit}ms"
idle = "{limit}ms"
{homes}
[policies.all]
on_cut = "continue"
[workloads.chat]
homes = ["a", "b"]
policy = "all"
"""
HOME = """\
[homes.{name}]
vendor = "{name}"
api = "openai"
model = "pocket"
url = "{url}"
credential = "env:BENCH_HOME_KEY"
options = {{ continues = "yes" }}
"""


class Trouble(NamedTuple):
    """One way of breaking: the rule, is it a stream, and how long the gateway has to wait to be sure."""

    name: str
    rule: FaultRule
    stream: bool = False
    limit_ms: float = 0.0
    note: str = ""


TROUBLES = (
    Trouble("refused", FaultRule(fault="refuse"), note="connections refused, kept ones reset"),
    Trouble("reset", FaultRule(fault="cut_rst", after=0), note="reset before a byte of the answer"),
    Trouble("error status", FaultRule(fault="unavailable"), note="503"),
    Trouble(
        "silent", FaultRule(fault="silent"), limit_ms=LIMIT_MS, note=f"beyond header = {LIMIT_MS:.0f} ms"
    ),
    Trouble(
        "reset stream", FaultRule(fault="cut_rst", after=10), stream=True,
        note="reset after ten pieces; the gap in the stream",
    ),
    Trouble(
        "stalled", FaultRule(fault="stall", after=10), stream=True, limit_ms=LIMIT_MS,
        note=f"after ten pieces; the gap in the stream beyond idle = {LIMIT_MS:.0f} ms",
    ),
)  # fmt: skip


def rescue(asked: argparse.Namespace, folder: Path) -> Found:
    os.sched_setaffinity(0, {HOME_CORE})
    try:
        return asyncio.run(_rescue(asked, folder))
    finally:
        os.sched_setaffinity(0, {HOME_CORE, GATEWAY_CORE})


async def _rescue(asked: argparse.Namespace, folder: Path) -> Found:
    figures = []
    for trouble in TROUBLES:
        added = []
        async with street(folder) as place:
            for _ in range(asked.samples):
                added.append(await one_rescue(place, trouble))
        figures.append(
            Figure(
                what=trouble.name, unit="ms", samples=len(added), median=statistics.median(added),
                least=min(added), most=max(added), note=trouble.note,
            )
        )  # fmt: skip
    note = "Records to null. Usual calls of the same kind just before, and a limit that had to pass, are off."
    return Found(figures=figures, notes=(note,))


class Street(NamedTuple):
    """Two pocket homes and the gateway in front of them."""

    homes: tuple[PocketHome, PocketHome]
    gateway: Running
    key: str


@contextlib.asynccontextmanager
async def street(folder: Path) -> AsyncIterator[Street]:
    homes = PocketHome("openai", name="a"), PocketHome("openai", name="b")
    async with contextlib.AsyncExitStack() as stack:
        urls = [await stack.enter_async_context(one.running()) for one in homes]
        text = "".join(HOME.format(name=one.name, url=url) for one, url in zip(homes, urls, strict=True))
        config = CONFIG.format(limit=f"{LIMIT_MS:.0f}", homes=text).replace("{", "{{").replace("}", "}}")
        gateway: Gateway = freehold("freehold", "null", config)
        rig = Rig(folder)
        made = await asyncio.to_thread(rig.start, gateway)
        if made is None:
            raise SystemExit(rig.left_out[-1])
        stack.callback(end, made)
        yield Street(homes, made, (made.folder / "key").read_text())


async def one_rescue(place: Street, trouble: Trouble) -> float:
    """Milliseconds that this rescue added."""
    usual = [await call(place, trouble.stream) for _ in range(WELL_BETWEEN)]
    await place.homes[0].set_faults({"it": trouble.rule})
    try:
        broken = await call(place, trouble.stream)
    finally:
        await place.homes[0].set_faults({})
    if trouble.stream:
        return max(broken.gaps_ms) - statistics.median(max(one.gaps_ms) for one in usual) - trouble.limit_ms
    return broken.ms - statistics.median(one.ms for one in usual) - trouble.limit_ms


class Answered(NamedTuple):
    home: str
    ms: float
    gaps_ms: tuple[float, ...]


async def call(place: Street, stream: bool) -> Answered:
    """One call on a connection of its own; its whole time, and the times between the pieces of a stream."""
    words = "[pocket words tokens=20]" if stream else "[pocket words tokens=4]"
    asked = {"model": "chat", "stream": stream, "messages": [{"role": "user", "content": words}]}
    body = msgspec.json.encode(asked)
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {place.key}\r\n"
        f"connection: close\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    reader, writer = await asyncio.open_connection("127.0.0.1", place.gateway.port)
    try:
        begun = time.perf_counter()
        writer.write(head.encode() + body)
        came, at = b"", [begun]
        while piece := await reader.read(65536):
            came += piece
            at.append(time.perf_counter())
    finally:
        writer.close()
    whole = b"[DONE]" in came if stream else b'"finish_reason":"' in came
    if not came.startswith(b"HTTP/1.1 200") or not whole:
        raise SystemExit(f"a call was not rescued: {came[:300]!r} ... {came[-300:]!r}")
    home = came.partition(b"x-freehold-home: ")[2].partition(b"\r\n")[0].decode()
    gaps = tuple((later - one) * 1e3 for one, later in itertools.pairwise(at[1:]))
    return Answered(home, (at[-1] - begun) * 1e3, gaps or (0.0,))


# --- a home that grows slow ---


def grey(asked: argparse.Namespace, folder: Path) -> Found:
    os.sched_setaffinity(0, {HOME_CORE})
    try:
        found = asyncio.run(_grey(max(1, asked.samples // 2), folder))
    finally:
        os.sched_setaffinity(0, {HOME_CORE, GATEWAY_CORE})
    note = f"{USUAL_S * 1e3:.0f} ms for {LEARNING_CALLS} calls, then {SLOW_S * 1e3:.0f} ms"
    figure = Figure(
        what="noticed after", unit="calls", samples=len(found), median=statistics.median(found),
        least=min(found), most=max(found), note=note,
    )  # fmt: skip
    said = "Calls that still went to the slow home before another was asked first."
    return Found(figures=(figure,), notes=(said,))


async def _grey(samples: int, folder: Path) -> Sequence[int]:
    return [await noticed(folder) for _ in range(samples)]


async def noticed(folder: Path) -> int:
    async with street(folder) as place:
        for one in place.homes:
            await one.set_faults({"it": FaultRule(fault="slow_headers", seconds=USUAL_S)})
        for _ in range(LEARNING_CALLS):
            await call(place, stream=False)
        await place.homes[0].set_faults({"it": FaultRule(fault="slow_headers", seconds=SLOW_S)})
        for number in range(SLOW_CALLS_MAX):
            if (await call(place, stream=False)).home != "a":
                return number
    return SLOW_CALLS_MAX
