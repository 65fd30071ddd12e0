"""Faults inside a stream: broken frames, errors after 200, ends that are none."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from freehold.pocket.engine import Step
from freehold.pocket.exchange import CONTENT, Change, unchanged
from freehold.pocket.faults.play import Play
from freehold.types.conversation import (
    BlockEnd,
    BlockStart,
    End,
    Finished,
    StreamError,
    ToolDelta,
    UsageReport,
)

_CRC_BYTES = 4
_LIFECYCLE_ENDS = (Finished, UsageReport, End)


async def bad_crc(play: Play) -> None:
    """One frame whose checksum does not hold. Framings without one get four wrong bytes."""
    held = await play.exchange.send_until(await play.exchange.prepare(), play.rule.after)
    crc = bytes(byte ^ 0xFF for byte in held[-_CRC_BYTES:])
    await play.line.write(held[:-_CRC_BYTES] + crc)
    await play.line.end()
    play.line.hang_up()


async def malformed_event(play: Play) -> None:
    """One frame that is framed well and cannot be read, then the rest of the stream as if nothing were."""
    prepared = await play.exchange.prepare()
    await play.line.head(prepared.status, prepared.headers, length=None)
    left = play.rule.after if prepared.length is None else 0
    async for piece in prepared.pieces():
        broken = piece.content and left == 0
        left -= piece.content
        await play.line.write(piece.data.replace(b'"', b"", 1) if broken else piece.data)
    await play.line.end()


async def error_in_stream(play: Play) -> None:
    await _changed(play, _broken_off(play.rule.after, play.rule.kind, play.rule.message or "Overloaded"))


async def no_terminal(play: Play) -> None:
    """A whole answer has no terminal event, and comes as it is."""
    await _changed(play, _endless if play.exchange.streaming else unchanged)


async def arguments_at_end(play: Play) -> None:
    """Not an error: tool arguments come in one piece, as some servers send them."""
    await _changed(play, _gathered)


async def _changed(play: Play, change: Change) -> None:
    await play.exchange.send(await play.exchange.prepare(change))


def _broken_off(after: int, kind: str, message: str) -> Change:
    def change(steps: Iterable[Step]) -> Iterator[Step]:
        left = after
        for step in steps:
            if isinstance(step, _LIFECYCLE_ENDS) or (isinstance(step, CONTENT) and left == 0):
                break
            left -= isinstance(step, CONTENT)
            yield step
        yield StreamError(kind=kind, message=message, status=_STATUS.get(kind, 500))

    return change


_STATUS = {"overloaded": 529, "rate_limited": 429, "quota_exhausted": 429, "unavailable": 503}


def _endless(steps: Iterable[Step]) -> Iterator[Step]:
    return (step for step in steps if not isinstance(step, _LIFECYCLE_ENDS))


def _gathered(steps: Iterable[Step]) -> Iterator[Step]:
    held: list[str] = []
    for step in steps:
        match step:
            case BlockStart():
                held = []
                yield step
            case ToolDelta():
                held.append(step.json)
            case BlockEnd():
                if held:
                    yield ToolDelta(index=step.index, json="".join(held))
                yield step
            case _:
                yield step


_USAGE_NUMBER = re.compile(rb'("[a-zA-Z_]*[tT]oken[a-zA-Z_]*"\s*:\s*)\d+')


def mistyped(data: bytes) -> bytes:
    """Token counts as text. Lengths change, so this is for framings that do not count bytes."""
    return _USAGE_NUMBER.sub(rb'\1"many"', data)
