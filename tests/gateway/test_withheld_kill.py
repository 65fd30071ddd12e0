"""A gateway under a strict ledger, killed under load: no caller holds an answer that is not on record."""

from __future__ import annotations

import asyncio
from pathlib import Path
from random import Random

import msgspec
import pytest

from freehold import wire
from freehold.ledger.files import FileReader
from freehold.ledger.verify import verify
from tests.gateway.test_serve import Up, up

CALLERS = 12


async def calls(place: Up, seen: set[str], stream: bool) -> None:
    """Call until the gateway is gone; note the receipt of every answer that came whole."""
    question = {"role": "user", "content": "[pocket words tokens=12]"}
    body = msgspec.json.encode({"model": "chat", "stream": stream, "messages": [question]})
    while True:
        try:
            url = f"{place.running.url}/v1/chat/completions"
            async with await wire.request("POST", url, body=body) as response:
                said = await response.read()
        except (OSError, TimeoutError, EOFError, wire.WireError):
            return
        if response.status == 200 and (not stream or b"[DONE]" in said):
            seen.add(response.headers["x-freehold-receipt"].rpartition("/")[2])


async def killed_under_load(folder: Path, chance: Random) -> set[str]:
    """The receipts of the answers that callers saw whole before the gateway was killed."""
    seen: set[str] = set()
    async with up(folder, more='[ledger]\nstrict = true\ncheckpoint_every = "5ms"\n') as place:
        callers = [asyncio.create_task(calls(place, seen, bool(n % 2))) for n in range(CALLERS)]
        wanted = chance.randrange(1, 60)
        async with asyncio.timeout(60):
            while len(seen) < wanted:
                await asyncio.sleep(0)
        place.process.kill()
        await asyncio.gather(*callers)
    return seen


async def kill_again_and_again(folder: Path, times: int, seed: int) -> None:
    chance, seen = Random(seed), set[str]()
    for _ in range(times):
        seen |= await killed_under_load(folder, chance)
    reader = FileReader(folder / "state" / "ledger" / "local")
    stored = [msgspec.json.decode(leaf) for leaf in reader.leaves(0, reader.size())]
    ended = [one["id"] for one in stored if one["kind"] == "call/1"]
    assert seen <= set(ended)
    assert len(ended) == len(set(ended)), "a call left two records"
    assert {one["call"] for one in stored if one.get("begun")}, "no stream said that it began"
    assert verify(reader, jobs=1).holds


async def test_kill_loses_no_record_of_an_answer_that_was_seen_whole(tmp_path: Path) -> None:
    await kill_again_and_again(tmp_path, times=3, seed=1)


@pytest.mark.slow
async def test_kill_forty_times_loses_no_record_of_an_answer_that_was_seen_whole(tmp_path: Path) -> None:
    await kill_again_and_again(tmp_path, times=40, seed=2)
