"""Takes records from the data plane and sends them on: a bounded queue, a thread, and what was dropped.

`offer` is all that the data plane ever does here: an append. Everything else runs in a thread of its own with
a loop of its own, which lets go of the interpreter between two spans. When the collector is away, spans wait
up to a limit and the oldest are dropped; metrics are totals since the start, so nothing of them is lost.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final, Literal

from freehold import wire
from freehold.clock import Clock
from freehold.gateway.telemetry import names
from freehold.gateway.telemetry.measures import Measures
from freehold.gateway.telemetry.messages import Heard, messages_of
from freehold.gateway.telemetry.otlp import CONTENT_TYPE, METRICS_PATH, TRACES_PATH, Encoder
from freehold.gateway.telemetry.settings import Telemetry
from freehold.gateway.telemetry.spans import Gathering, spans_of
from freehold.types.records import AnyRecord

SPANS_WAITING_MAX: Final = 20_000
SPANS_PER_REQUEST: Final = 512
SEND_SECONDS_MAX: Final = 10.0
DRAIN_SECONDS: Final = 0.25  # between two looks at the queue
END_SECONDS_MAX: Final = 5.0  # for the last spans, when the process stops
HEARD_BYTES_MAX: Final = 32 * 1024 * 1024  # of what was said, waiting for its call's record
_TAKEN_AT_ONCE: Final = 4  # records, before others may run

_LATER: Final = frozenset({429, 502, 503, 504})  # statuses after which the specification has one try again

Sent = Literal["taken", "later", "refused"]
Send = Callable[[str, bytes], Awaitable[Sent]]


class Exporter:
    """One per gateway process. `start` and `close` are called once each."""

    def __init__(
        self, telemetry: Telemetry, encoder: Encoder, clock: Clock, *, send: Send | None = None,
        say: Callable[[str], None] = lambda words: None,
    ) -> None:  # fmt: skip
        self._telemetry, self._encoder, self._clock = telemetry, encoder, clock
        self._send = send or self._post
        self._say, self._well = say, True
        self._queue: deque[AnyRecord] = deque()
        self._queue_max = telemetry.queue_max
        self._spans: deque[bytes] = deque()
        self._heard: dict[str, Heard] = {}
        self._heard_bytes = self._told_bytes = 0  # one is written by the data plane, the other here
        self._gathering, self._measures = Gathering(), Measures()
        self._start_ns = clock.now_ns()
        self._refused = self._lost = self.sent = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._main, name="freehold-otel", daemon=True)

    @property
    def dropped(self) -> int:
        return self._refused + self._lost + self._gathering.dropped + self._measures.dropped

    def offer(self, record: AnyRecord) -> None:
        """From the data plane: never waits, never raises."""
        queue = self._queue
        if len(queue) < self._queue_max:
            queue.append(record)
        else:
            self._refused += 1

    def hear(self, id: str, heard: Heard) -> None:
        """What was said in a call whose record is about to come. From the data plane, like `offer`."""
        if self._heard_bytes - self._told_bytes + heard.size <= HEARD_BYTES_MAX:
            self._heard[id] = heard
            self._heard_bytes += heard.size
        else:
            self._refused += 1

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """The last records go out, for as long as that may take."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join(END_SECONDS_MAX + 2 * DRAIN_SECONDS)

    # --- in the thread ---

    def _main(self) -> None:
        asyncio.run(self._run())

    async def _run(self) -> None:
        sent_ns = self._clock.monotonic_ns()
        while not self._ended.is_set():
            await asyncio.sleep(DRAIN_SECONDS)
            await self.take()
            due = (self._clock.monotonic_ns() - sent_ns) / 1e9 >= self._telemetry.interval_s
            if due or len(self._spans) >= SPANS_PER_REQUEST:
                sent_ns = self._clock.monotonic_ns()
                await self.flush()
        try:
            async with asyncio.timeout(END_SECONDS_MAX):
                await self.take()
                await self.flush()
        except TimeoutError:
            self._lost += len(self._spans)

    async def take(self) -> None:
        """Work through what waits; others may run in between."""
        queue = self._queue
        for number in range(len(queue)):
            whole = self._gathering.take(queue.popleft())
            if whole is not None:
                self._measures.take(whole)
                heard = self._heard.pop(whole.call.id, None)
                self._told_bytes += heard.size if heard is not None else 0
                words = dict if heard is None else partial(messages_of, heard)
                for span in spans_of(whole, self._telemetry.sample_share, words):
                    self._keep(self._encoder.span(span))
            if number % _TAKEN_AT_ONCE == 0:
                await asyncio.sleep(0)

    def _keep(self, span: bytes) -> None:
        self._spans.append(span)
        if len(self._spans) > SPANS_WAITING_MAX:
            self._spans.popleft()
            self._lost += 1

    async def flush(self) -> None:
        while self._spans:
            batch = [self._spans.popleft() for _ in range(min(SPANS_PER_REQUEST, len(self._spans)))]
            became = await self._send(TRACES_PATH, self._encoder.traces(batch))
            if became == "later":
                self._spans.extendleft(reversed(batch))
                break
            if became == "taken":
                self.sent += len(batch)
            else:  # what the collector says is wrong with a batch is not sent to it again
                self._lost += len(batch)
        measures = self._measures
        tallies = dict(measures.tallies)
        if self.dropped:
            measures.add(names.DROPPED, (), 0)
            tally = measures.tallies[names.DROPPED, ()]
            tally.total = float(self.dropped)
            tallies[names.DROPPED, ()] = tally
        if tallies:
            body = self._encoder.metrics(tallies, self._start_ns, self._clock.now_ns())
            await self._send(METRICS_PATH, body)

    async def _post(self, path: str, body: bytes) -> Sent:
        url = self._telemetry.endpoint.rstrip("/") + path
        headers = {**self._telemetry.headers, "content-type": CONTENT_TYPE}
        try:
            async with asyncio.timeout(SEND_SECONDS_MAX):
                async with await wire.request("POST", url, headers=headers, body=body) as response:
                    await response.read()
        except (OSError, TimeoutError, wire.WireError) as error:
            self._told(type(error).__name__)
            return "later"
        self._told("" if response.status < 300 else f"status {response.status}")
        if response.status < 300:
            return "taken"
        return "later" if response.status in _LATER else "refused"

    def _told(self, trouble: str) -> None:
        """Say once when the collector goes away, and once when it is back."""
        if bool(trouble) is self._well:
            self._well = not trouble
            self._say(f"telemetry: {self._telemetry.endpoint} {trouble or 'takes it again'}")
