"""The demo's load: callers of two dialects, streaming and not; every answer is checked word for word."""

from __future__ import annotations

import asyncio
import statistics
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from freehold import wire
from freehold.clock import SystemClock

CALLERS: Final = 12
SECONDS: Final = 5.0
KILL_AFTER_SECONDS: Final = 2.0
SAY_EVERY_SECONDS: Final = 1.0
CALL_SECONDS_MAX: Final = 20.0
WORDS: Final = 40
_STREAM = f"[pocket words tokens={WORDS} tokens_per_s=60]"
_WHOLE = f"[pocket words tokens={WORDS}]"
_clock = SystemClock()


class Kill(msgspec.Struct, kw_only=True):
    """Which home dies, and how."""

    home: str
    stop: Callable[[], None]


class Called(msgspec.Struct, kw_only=True):
    """One call as its caller saw it."""

    receipt: str
    home: str
    stream: bool
    right: bool
    seconds: float
    began: float
    why: str = ""


class Result(msgspec.Struct, kw_only=True):
    calls: list[Called]
    killed_at: float
    home: str


async def run_load(url: str, kill: Kill, say: Callable[[str], object]) -> Result:
    """Callers ask until the time is up; in the middle one home is killed for real."""
    right = {stream: await _expected(url, stream) for stream in (False, True)}
    calls: list[Called] = []
    begun = _now()
    until = begun + SECONDS
    callers = [asyncio.create_task(_caller(url, number, until, right, calls)) for number in range(CALLERS)]
    result = Result(calls=calls, killed_at=begun + KILL_AFTER_SECONDS, home=kill.home)
    teller = asyncio.create_task(_tell(begun, result, say))
    await asyncio.sleep(KILL_AFTER_SECONDS)
    kill.stop()
    result.killed_at = _now()
    say(f"  {_now() - begun:4.1f} s  {kill.home} is killed (SIGKILL), with streams of its answers half sent")
    await asyncio.gather(*callers)
    teller.cancel()
    return result


async def _tell(begun: float, result: Result, say: Callable[[str], object]) -> None:
    said = 0
    while True:
        await asyncio.sleep(SAY_EVERY_SECONDS)
        fresh, said = result.calls[said:], len(result.calls)
        counted = sorted(Counter(one.home for one in fresh).items())
        homes = ", ".join(f"{home} {count}" for home, count in counted)
        failed = sum(not one.right for one in result.calls)
        say(f"  {_now() - begun:4.1f} s  {said:4} calls answered, {failed} failed   (last second: {homes})")


async def _caller(url: str, number: int, until: float, right: dict[bool, str], calls: list[Called]) -> None:
    turn = number
    while _now() < until:
        stream = turn % 2 == 0
        ask = _openai if turn % 4 < 2 else _anthropic
        calls.append(await _checked(ask, url, stream, right[stream]))
        turn += 1


async def _checked(ask: Callable[..., Any], url: str, stream: bool, right: str) -> Called:
    began = _now()
    try:
        async with asyncio.timeout(CALL_SECONDS_MAX):
            text, headers = await ask(url, stream)
    except (OSError, TimeoutError, wire.WireError, ValueError, LookupError) as error:
        return Called(
            receipt="", home="", stream=stream, right=False, seconds=_now() - began, began=began,
            why=type(error).__name__,
        )  # fmt: skip
    return Called(
        receipt=headers.get("x-freehold-receipt", "").rpartition("/")[2],
        home=headers.get("x-freehold-home", ""), stream=stream,
        right=text == right, seconds=_now() - began, began=began, why="" if text == right else text[-200:],
    )  # fmt: skip


async def _expected(url: str, stream: bool) -> str:
    """What every home says to this question, asked while all is well."""
    text, _ = await _openai(url, stream)
    return text


async def _openai(url: str, stream: bool) -> tuple[str, dict[str, str]]:
    body, headers = await _post(url, "/v1/chat/completions", stream)
    if not stream:
        return str(msgspec.json.decode(body)["choices"][0]["message"]["content"]), headers
    if not body.endswith(b"data: [DONE]\n\n"):
        raise ValueError("the stream has no end")
    pieces = [
        choice["delta"].get("content") or "" for event in _events(body) for choice in event.get("choices", ())
    ]
    return "".join(pieces), headers


async def _anthropic(url: str, stream: bool) -> tuple[str, dict[str, str]]:
    body, headers = await _post(url, "/v1/messages", stream)
    if not stream:
        return str(msgspec.json.decode(body)["content"][0]["text"]), headers
    events = list(_events(body))
    if events[-1].get("type") != "message_stop":
        raise ValueError("the stream has no end")
    return "".join(event["delta"].get("text", "") for event in events if "delta" in event), headers


async def _post(url: str, path: str, stream: bool) -> tuple[bytes, dict[str, str]]:
    message = {"role": "user", "content": _STREAM if stream else _WHOLE}
    data = msgspec.json.encode({"model": "chat", "max_tokens": 500, "stream": stream, "messages": [message]})
    async with await wire.request("POST", url + path, body=data) as response:
        body = await response.read()
        if response.status != 200:
            raise ValueError(f"status {response.status}")
        return body, response.headers


def _events(body: bytes) -> Iterator[dict[str, Any]]:
    for line in body.split(b"\n"):
        if line.startswith(b"data: ") and line != b"data: [DONE]":
            yield msgspec.json.decode(line[6:])


def _now() -> float:
    return _clock.monotonic_ns() / 1e9


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    lines: list[str]
    rescued: str  # the record of a stream that was rescued; empty if none was


def summary(result: Result, records: Path) -> Summary:
    """What it came to, from what the callers saw and from the records."""
    calls = result.calls
    failed = [one for one in calls if not one.right]
    rescued = {record["id"]: record for record in _records(records) if record.get("rescued")}
    streams = [record for record in rescued.values() if record.get("joined")]
    added = _worst_added(calls, set(rescued))
    lines = [
        f"calls sent            {len(calls)}, in two dialects, {sum(one.stream for one in calls)} as streams",
        f"failed                {len(failed)}" + (f": {failed[0].why}" if failed else ""),
        f"streams rescued       {len(streams)} after their first words, joined word for word; "
        f"{len(rescued) - len(streams)} before them",
        "worst added latency   " + _shown(added),
    ]
    if streams:
        lines.append(f"one of them           {streams[0]['id']} ({_told(streams[0])})")
    return Summary(lines=lines, rescued=streams[0]["id"] if streams else "")


def _worst_added(calls: list[Called], rescued: set[str]) -> float | None:
    """How much longer the slowest rescued call took than its kind took while all was well."""
    well = [one for one in calls if one.receipt not in rescued]
    usual = {
        stream: statistics.median([one.seconds for one in well if one.stream is stream])
        for stream in (False, True)
    }
    return max((one.seconds - usual[one.stream] for one in calls if one.receipt in rescued), default=None)


def _shown(added: float | None) -> str:
    if added is None:
        return "none"
    return f"{added * 1000:.0f} ms" if added > 0 else "none: the other home was as quick"


def _told(record: dict[str, Any]) -> str:
    home = record.get("actual", {}).get("home")
    begun = record.get("planned", {}).get("home")
    return (
        f"{record['outcome']}, begun by {begun}, {record['joined']} by {home}, {record['attempts']} attempts"
    )


def _records(folder: Path) -> Iterator[dict[str, Any]]:
    """The records of calls in a ledger, as they were stored."""
    from freehold.ledger.files import FileReader
    from freehold.ledger.layout import writers_in

    for reader in map(FileReader, writers_in(folder)):
        for leaf in reader.leaves(0, reader.size()):
            record = msgspec.json.decode(leaf)
            if record.get("kind") == "call/1":
                yield record
