"""The callers of a live drill: every answer is a stream, and is checked to its last word."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from freehold import wire
from freehold.cli.live.arrivals import LENGTHS, Arrival
from freehold.clock import Clock
from freehold.types.names import WorkloadId

CALL_SECONDS_MAX: Final = 20.0
PACE_PER_S: Final = 60  # words a second of every answer
WHY_LENGTH_MAX: Final = 80


class Called(msgspec.Struct, frozen=True, kw_only=True):
    """One call as its caller saw it."""

    at_s: float
    workload: WorkloadId
    ok: bool
    seconds: float
    wait_s: float  # beyond the time that saying the answer takes
    home: str = ""
    receipt: str = ""
    why: str = ""  # it failed
    substitute: bool = False


class Callers:
    """Sends what is planned, when it is planned, and keeps what came of it."""

    def __init__(self, url: str, clock: Clock) -> None:
        self._url, self._clock = url, clock
        self._right: dict[tuple[WorkloadId, int], str] = {}
        self.calls: list[Called] = []
        self.began = 0.0

    def now(self) -> float:
        return self._clock.monotonic_ns() / 1e9 - self.began

    async def learn(self, workloads: Sequence[WorkloadId]) -> dict[WorkloadId, str]:
        """What every home says, asked while all is well. Workloads that cannot be asked, and why."""
        refused: dict[WorkloadId, str] = {}
        for workload in workloads:
            for tokens in LENGTHS:
                try:
                    text, _ = await self._ask(workload, tokens)
                    self._right[workload, tokens] = text
                except (OSError, TimeoutError, wire.WireError, ValueError, LookupError) as error:
                    refused[workload] = str(error)[:WHY_LENGTH_MAX] or type(error).__name__
                    break
        return refused

    async def run(self, planned: Sequence[Arrival]) -> None:
        self.began = self._clock.monotonic_ns() / 1e9
        tasks = []
        for one in planned:
            await asyncio.sleep(max(0.0, one.at_s - self.now()))
            tasks.append(asyncio.create_task(self._call(one)))
        await asyncio.gather(*tasks)

    async def _call(self, one: Arrival) -> None:
        at, why, headers = self.now(), "", dict[str, str]()
        try:
            async with asyncio.timeout(CALL_SECONDS_MAX):
                text, headers = await self._ask(one.workload, one.tokens)
            if text != self._right.get((one.workload, one.tokens), text):
                why = "another answer"
        except TimeoutError:
            why = "no end in time"
        except (OSError, wire.WireError, ValueError, LookupError) as error:
            why = str(error)[:WHY_LENGTH_MAX] or type(error).__name__
        seconds = self.now() - at
        self.calls.append(Called(
            at_s=at, workload=one.workload, ok=not why, seconds=seconds, why=why,
            wait_s=max(0.0, seconds - one.tokens / PACE_PER_S), home=headers.get("x-freehold-home", ""),
            receipt=headers.get("x-freehold-receipt", ""),
            substitute=headers.get("x-freehold-substitute") == "yes",
        ))  # fmt: skip

    async def _ask(self, workload: WorkloadId, tokens: int) -> tuple[str, dict[str, str]]:
        content = f"[pocket words tokens={tokens} tokens_per_s={PACE_PER_S}]"
        message = {"role": "user", "content": content}
        asked = {"model": workload, "max_tokens": 500, "stream": True, "messages": [message]}
        url = f"{self._url}/v1/chat/completions"
        async with await wire.request("POST", url, body=msgspec.json.encode(asked)) as response:
            body = await response.read()
        if response.status != 200:
            raise ValueError(_code(body) or f"status {response.status}")
        if not body.endswith(b"data: [DONE]\n\n"):
            raise ValueError(_code(body.rpartition(b"data: ")[2]) or "the stream has no end")
        return _text(body), response.headers


def _text(body: bytes) -> str:
    said: list[str] = []
    for line in body.split(b"\n"):
        if line.startswith(b"data: ") and line != b"data: [DONE]":
            event: dict[str, Any] = msgspec.json.decode(line[6:])
            if "error" in event:
                raise ValueError(_code(line[6:]) or "an error in the stream")
            said += [choice["delta"].get("content") or "" for choice in event.get("choices", ())]
    return "".join(said)


def _code(body: bytes) -> str:
    """The error's code, of an answer that is one."""
    try:
        error = msgspec.json.decode(body)["error"]
        return str(error.get("code") or error.get("type") or "")
    except (msgspec.DecodeError, KeyError, TypeError, AttributeError):
        return ""
