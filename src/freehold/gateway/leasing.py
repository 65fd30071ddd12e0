"""One store and the thread that speaks to it: parts of limits refilled and given back, keys read anew, news.

Everything that calls touch is changed on the loop; the thread only carries words to the store and back, at
most one round at a time. While the store is away, what this process has goes on being used.
"""

from __future__ import annotations

import asyncio
import random
import threading
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from queue import SimpleQueue
from typing import Final, Protocol

import msgspec

from freehold.clock import Clock
from freehold.errors import FreeholdError
from freehold.gateway.exchange import Done, Exchange, Work
from freehold.gateway.journal import FOLDER, Journal
from freehold.gateway.meters import Ask, Grant
from freehold.gateway.slices import Meter, Slice
from freehold.gateway.state.base import KeyRow, Opened

TICK_SECONDS: Final = 0.25
POLL_SECONDS: Final = 0.5
STRANGER_SECONDS: Final = 0.02  # at least between two readings of keys because somebody has an unknown one
NEWS_SECONDS: Final = 1.0
NEWS_BYTES_MAX: Final = 1024 * 1024
RECOVER_SECONDS: Final = 5.0
SOON_SECONDS: Final = 0.04  # while a limit is scarce: between giving back, or asking again, and the next time
METERS_PER_TICK_MAX: Final = 2000  # so that a great many keys do not hold up the calls
BEATS: Final = 3  # rounds in which an idle process says that it lives, before its lease ends
BACKOFF_SECONDS_FIRST: Final = 0.1
BACKOFF_SECONDS_MAX: Final = 5.0
END_SECONDS_MAX: Final = 10.0


class Waiter(Protocol):
    """A call that has not begun, as its key's part of a limit is too small."""

    meter: Meter
    amount: int
    until: float

    def look(self, *, over: bool) -> bool:
        """Try again; `over`: for the last time. Has it gone its way?"""
        ...


class Stranger(Protocol):
    """A request with a key that is not known: the keys are read again before it is refused."""

    since: float

    def keys_read(self, done: bool) -> None: ...


class News(msgspec.Struct, kw_only=True):
    """Something small that this process tells the others, and hears from them."""

    kind: str
    name: str
    tell: Callable[[], bytes | None]
    hear: Callable[[Mapping[str, bytes]], None]


class Leasing:
    """The loop's side of one store."""

    def __init__(
        self, open_state: Opened, *, loop: asyncio.AbstractEventLoop, clock: Clock, owner: str, name: str,
        folder: Path, lease_s: float, ready_s: float, chance: random.Random,
        keys: Callable[[list[KeyRow], bool], None] | None,
    ) -> None:  # fmt: skip
        self._loop, self._clock, self.owner = loop, clock, owner
        self._lease_s, self._ready_s, self._chance, self._keys = lease_s, ready_s, chance, keys
        # Each store has journals of its own: what is settled in one must not be taken for settled in another.
        place = folder / FOLDER / name
        self._exchange = Exchange(open_state, owner, place, lease_s)
        self._journal = Journal(place, owner)
        self.news: list[News] = []
        self._meters: dict[tuple[str, int], Meter] = {}  # those that have something to tell
        self._turn: deque[Meter] = deque()  # of the same, whose turn it is to be looked at first
        self._scarce: dict[Meter, None] = {}  # those that are looked at before their turn
        self._wanted: list[Meter] = []  # those that somebody waited for, last time
        self.waiting: list[Waiter] = []
        self.strangers: list[Stranger] = []
        self._queue: SimpleQueue[Work | None] = SimpleQueue()
        self._busy = self._hurried = self._again = self._soon = self._looking = False
        self._due = False  # a tick has come, and nothing was asked since
        self._sequence, self._version = 0, -1
        self._poll_at = self._beat_at = self._news_at = self._recover_at = self._not_before = 0.0
        self._backoff = BACKOFF_SECONDS_FIRST
        self.polled_at = -1e9  # when the last reading of keys that succeeded began
        self.away_since: float | None = None
        self.away_why = ""
        self.rounds = self.failures = 0
        self.doubts = ""  # why what the store answered might be lost
        self.say: Callable[[str], None] = lambda words: None
        self._idle = asyncio.Event()
        self._timer = loop.call_soon(self._tick)
        self._thread = threading.Thread(target=self._run, name="freehold-state", daemon=True)
        self._thread.start()

    # --- the loop's side ---

    def now(self) -> float:
        return self._loop.time()

    def wake(self, meter: Meter) -> None:
        """This meter has something to tell from now on."""
        meter.active, meter.ticked_ns = True, self._clock.now_ns()
        self._meters[meter.key, meter.kind] = meter
        self._turn.append(meter)

    def hurry(self) -> None:
        """Somebody waits: a round now, with everybody else who began to wait meanwhile."""
        if not self._hurried:
            self._hurried = True
            self._loop.call_soon(self._hurry)

    def soon(self, meter: Meter | None = None) -> None:
        """A limit is scarce: units that came free may be what others wait for."""
        if meter is not None:
            self._scarce[meter] = None
        if not self._soon:
            self._soon = True
            wait = SOON_SECONDS * (0.5 + self._chance.random())
            self._loop.call_later(wait, self._soon_now)

    def _soon_now(self) -> None:
        self._soon = False
        self._begin()

    def read_keys(self) -> None:
        """Somebody has a key that is not known: read them again before it is refused."""
        now = self._loop.time()
        self._poll_at = max(now, min(self._poll_at, self.polled_at + STRANGER_SECONDS))
        if self._poll_at <= now:
            self.hurry()
        else:
            self._loop.call_later(self._poll_at - now, self.hurry)

    def _hurry(self) -> None:
        self._hurried = False
        self._begin()

    def _tick(self) -> None:
        self._timer = self._loop.call_later(TICK_SECONDS, self._tick)
        self._due = True
        self._look(self._loop.time())
        self._begin()

    def _begin(self) -> None:
        now = self._loop.time()
        if self._busy:
            self._again = True
            return
        if now < self._not_before:
            return
        asks = self._asks()
        beat = bool(self._meters) and now >= self._beat_at
        poll = self._keys is not None and now >= self._poll_at
        news = bool(self.news) and now >= self._news_at
        recover = now >= self._recover_at
        if not (asks or beat or poll or news or recover):
            return
        self._busy, self._again = True, False
        self._idle.clear()
        self._sequence += 1
        self._beat_at = now + self._lease_s / BEATS
        if poll:
            self._poll_at = now + POLL_SECONDS
        if news:
            self._news_at = now + NEWS_SECONDS
        if recover:
            self._recover_at = now + RECOVER_SECONDS
        self._queue.put(
            Work(
                asks=asks, sequence=self._sequence, beat=beat, since=self._version if poll else None,
                tell=self._tellings() if news else [], gather=[one.kind for one in self.news] if news else [],
                recover=recover, began=now,
            )
        )  # fmt: skip

    def _tellings(self) -> list[tuple[str, str, bytes]]:
        made = [(one.kind, one.name, one.tell()) for one in self.news]
        return [(kind, name, value) for kind, name, value in made if value and len(value) <= NEWS_BYTES_MAX]

    def _asks(self) -> list[Ask]:
        """Of the limits that somebody waits for, of those that are scarce, and of some whose turn it is."""
        for meter in self._wanted:
            meter.needs = meter.waiting = 0
        self._wanted = [waiter.meter for waiter in self.waiting]
        for waiter in self.waiting:
            meter = waiter.meter
            meter.waiting += waiter.amount
            meter.needs = min(meter.needs or waiter.amount, waiter.amount)
        now_ns = self._clock.now_ns()
        meters = {**dict.fromkeys(self._wanted), **self._scarce}
        self._scarce = {}
        turn = min(len(self._turn), METERS_PER_TICK_MAX) if self._due else 0
        chosen = [self._turn.popleft() for _ in range(turn)]
        self._due = False
        for meter in chosen:
            meter.tick(now_ns)
            meters[meter] = None
        asks = [ask for meter in meters for ask in meter.asks(now_ns, self._ready_s)]
        for meter in chosen:
            if meter.asleep:
                meter.active = False
                del self._meters[meter.key, meter.kind]
            else:
                self._turn.append(meter)
        return asks

    def _finished(self, work: Work, done: Done | FreeholdError) -> None:
        self._busy = False
        now = self._loop.time()
        self.rounds += 1
        if isinstance(done, Done):
            if self.away_since is not None:
                self.say("the shared state is back")
            self.away_since, self.away_why, self._backoff = None, "", BACKOFF_SECONDS_FIRST
            self._not_before = 0.0
            if done.doubts:
                self.doubts = done.doubts
                self.say(done.doubts)
            self._apply(work, done, now)
        else:
            self._failed(work, done, now)
        self._look(now)
        if work.since is not None or not isinstance(done, Done):
            done_well = isinstance(done, Done)
            strangers, self.strangers = self.strangers, []
            for stranger in strangers:
                if done_well and stranger.since > work.began:
                    self.strangers.append(stranger)  # it may have been made since: the next reading tells
                else:
                    stranger.keys_read(done_well)
            if self.strangers:
                self.read_keys()
        self._idle.set()
        if self._again or any(not waiter.meter.needs for waiter in self.waiting):
            self._again = False
            self._begin()  # they came while the round was under way
        elif self.waiting:
            self.soon()

    def _apply(self, work: Work, done: Done, now: float) -> None:
        for ask, grant in zip(work.asks, done.grants, strict=False):
            meter = self._meters.get((ask.place.key, ask.place.kind))
            if meter is None:
                continue
            if ask.done:
                for gone in meter.closed(ask.place):
                    self._release(gone)
                continue
            for slice_ in meter.slices:
                if slice_.place == ask.place:
                    self._take(slice_, ask, grant, now)
        if done.version is not None and self._keys is not None:
            self._version, self.polled_at = done.version, work.began
            self._keys(done.rows, work.since == -1)
        for one in self.news:
            if one.kind in done.news:
                found = done.news[one.kind]
                one.hear({name: value for name, value in found.items() if name != one.name})

    def _take(self, slice_: Slice, ask: Ask, grant: Grant, now: float) -> None:
        if not isinstance(slice_.row, memoryview):
            row = self._journal.row(slice_.place)
            if row is None:
                return  # nowhere to write it down, so it is not used
            slice_.row = row
        slice_.take(ask, grant)
        slice_.told_at = now

    def _release(self, slice_: Slice) -> None:
        if isinstance(slice_.row, memoryview):
            self._journal.release(slice_.row)

    def _failed(self, work: Work, error: FreeholdError, now: float) -> None:
        self.failures += 1
        if self.away_since is None:
            self.away_since = now
            self.say(f"the shared state is away: {error.why or error.what}")
        self.away_why = error.why or error.what
        self._not_before = now + self._backoff * (0.5 + self._chance.random())
        self._backoff = min(self._backoff * 2, BACKOFF_SECONDS_MAX)
        self._poll_at = self._beat_at = 0.0
        if work.recover:
            self._recover_at = 0.0

    def look(self) -> None:
        """Something came free in this process: those who wait look again, once for all that did."""
        if not self._looking:
            self._looking = True
            self._loop.call_soon(self._look_now)

    def _look_now(self) -> None:
        self._looking = False
        self._look(self._loop.time())

    def _look(self, now: float) -> None:
        """Those who wait look again; who has waited long enough, for the last time."""
        waiting, self.waiting = self.waiting, []
        for waiter in waiting:
            if not waiter.look(over=now >= waiter.until):
                self.waiting.append(waiter)

    # --- the thread's side ---

    def _run(self) -> None:
        while (work := self._queue.get()) is not None:
            done = self._exchange.round(work)
            try:
                self._loop.call_soon_threadsafe(self._finished, work, done)
            except RuntimeError:
                break  # the loop has ended before us
        self._exchange.close()

    # --- end ---

    async def after_round(self) -> None:
        self._idle.clear()
        await self._idle.wait()

    async def end(self) -> None:
        """Tell the store what was used and give back the rest; what cannot be told stays in the journal."""
        self._timer.cancel()
        for waiter in self.waiting:
            waiter.look(over=True)
        self.waiting = []
        settled = True
        try:
            async with asyncio.timeout(END_SECONDS_MAX):
                while self._busy or self._folding():
                    self._again = False
                    if not self._busy:
                        self._not_before, self._due = 0.0, True
                        if self.away_since is not None:
                            break
                        self._begin()
                    await self._idle.wait()
                    self._idle.clear()
        except TimeoutError:
            settled = False
        settled = settled and not self._folding()
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join, END_SECONDS_MAX)
        self._journal.close(settled=settled)

    def _folding(self) -> bool:
        """Is there a part that the store still has in our name? Marks what can be given back to be so."""
        for meter in self._meters.values():
            meter.last_ns = 0
        return any(slice_.lent for meter in self._meters.values() for slice_ in meter.slices)
