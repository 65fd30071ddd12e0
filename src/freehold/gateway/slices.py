"""A process's part of a limit, in memory: reserved and settled by the loop, refilled and given back ahead.

The hot path is a comparison and an addition for each limit. `row` is where the numbers are also written down
for whoever comes after a process that was killed; see `journal`.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from freehold.gateway.meters import Ask, Grant, Place, window_ends_ns, window_of

IDLE_SECONDS: Final = 10.0  # without a call, after which nothing is held
SLACK: Final = 1.5  # more than this times what is wanted is given back
TICK_SECONDS_MIN: Final = 0.1
RATE_WEIGHT: Final = 0.3  # of the last tick in the rate
USED_AT, RESERVED_AT, CEILING_AT = 3, 4, 5
ROW_CELLS: Final = 8
Row = list[int] | memoryview


class Slice:
    """One window: `used` and `reserved` together never pass `ceiling`, which the state has granted."""

    __slots__ = (
        "ceiling", "closing", "ends_ns", "fair", "left", "lent", "place", "reserved", "row", "told",
        "told_at", "used",
    )  # fmt: skip

    def __init__(self, place: Place) -> None:
        self.place = place
        self.used = self.reserved = self.ceiling = 0
        self.left = self.fair = -1  # of the limit, as the state said last; -1: it has not
        self.ends_ns = window_ends_ns(place.kind, place.window)
        self.row: Row = [0] * ROW_CELLS
        self.told = (0, 0)  # used and ceiling as the state knows them
        self.told_at = 0.0  # when that was, in seconds of the loop
        self.lent = False  # the state may have a part in this process's name
        self.closing = False  # given back whole, and not yet confirmed

    @property
    def free(self) -> int:
        return self.ceiling - self.used - self.reserved

    def reserve(self, amount: int) -> None:
        self.reserved += amount
        self.row[RESERVED_AT] = self.reserved

    def use(self, amount: int) -> None:
        self.used += amount
        self.row[USED_AT] = self.used

    def settle(self, reserved: int, used: int) -> None:
        # Used first: killed in between, a call is counted twice rather than not at all.
        if used:
            self.use(used)
        self.reserved -= reserved
        self.row[RESERVED_AT] = self.reserved

    def take(self, ask: Ask, grant: Grant) -> None:
        self.ceiling, self.left, self.fair = grant.ceiling, grant.left, grant.fair
        self.row[CEILING_AT] = grant.ceiling
        self.told = (ask.used, grant.ceiling)


class Meter:
    """One limit of one key in this process: the slice of the present window, and those not settled yet."""

    __slots__ = (
        "active", "ahead", "amount", "demand", "key", "kind", "largest", "last_ns", "limit", "needs", "now",
        "old", "rate", "ticked_ns", "waiting",
    )  # fmt: skip

    def __init__(self, key: str, kind: int, limit: int) -> None:
        self.key, self.kind, self.limit = key, kind, limit
        self.now = Slice(Place(key, kind, -1))
        self.now.ends_ns = 0
        self.old: list[Slice] = []
        self.ahead: Slice | None = None  # of the next window, shortly before it begins
        self.active = False
        self.demand = 0  # units asked for since the last tick
        self.amount = 0  # of the last call
        self.largest = 0  # of the calls lately
        self.rate = 0.0  # units a second
        self.needs = 0  # units that the least of the calls that wait has to have
        self.waiting = 0  # units that they all want
        self.last_ns = self.ticked_ns = 0

    def at(self, now_ns: int) -> Slice:
        """The slice of the window that `now_ns` is in."""
        if now_ns < self.now.ends_ns:
            return self.now
        place = Place(self.key, self.kind, window_of(self.kind, now_ns))
        past, self.now, self.ahead = (self.now, self.ahead), Slice(place), None
        for one in past:
            if one is not None and one.place == place:
                self.now = one
            elif one is not None and one.lent:
                self.old.append(one)
        return self.now

    @property
    def slices(self) -> list[Slice]:
        return [self.now, *self.old] if self.ahead is None else [self.now, *self.old, self.ahead]

    def note(self, amount: int, now_ns: int) -> None:
        """A call wants so much: what is held ready follows it."""
        self.demand += amount
        self.amount, self.last_ns = amount, now_ns
        if amount > self.largest:
            self.largest = amount

    def tick(self, now_ns: int) -> None:
        """Called now and then: the rate follows the demand."""
        seconds = (now_ns - self.ticked_ns) / 1e9
        if seconds < TICK_SECONDS_MIN:
            return
        self.ticked_ns = now_ns
        self.rate += RATE_WEIGHT * (self.demand / min(seconds, IDLE_SECONDS) - self.rate)
        if not self.demand:
            self.largest = int(self.largest * 0.9)
        self.demand = 0

    def asks(self, now_ns: int, ready_s: float) -> list[Ask]:
        """What to tell the state, and to ask for: so many seconds of the key's rate are held ready.

        What is given back is gone here from now on.
        """
        slice_ = self.at(now_ns)
        idle = now_ns - self.last_ns >= max(IDLE_SECONDS, ready_s) * 1e9 and not self.needs
        if slice_.closing or (idle and not slice_.reserved):
            made = [self._close(slice_)]
        else:
            made = [self._ask(slice_, 0 if idle else self._wanted(slice_, ready_s), self.needs, self.waiting)]
        if idle and self.ahead is not None:
            self.old.append(self.ahead)
            self.ahead = None
        elif not idle and slice_.ends_ns - now_ns < ready_s * 1e9:
            made.append(self._ask_ahead(slice_.ends_ns, ready_s))
        made += [self._close(one) for one in self.old if not one.reserved]
        return [ask for ask in made if ask is not None]

    def _ask(self, slice_: Slice, wanted: int, needs: int, waiting: int) -> Ask | None:
        if slice_.free > wanted * SLACK:
            slice_.ceiling = slice_.used + slice_.reserved + wanted
            slice_.row[CEILING_AT] = slice_.ceiling
        need = max(0, needs - slice_.free)
        want = max(need, waiting + wanted - slice_.free)
        if not want and slice_.told == (slice_.used, slice_.ceiling):
            return None
        slice_.lent = True
        return Ask(
            place=slice_.place, limit=self.limit, used=slice_.used, ceiling=slice_.ceiling, need=need,
            want=want,
        )  # fmt: skip

    def _ask_ahead(self, now_ns: int, ready_s: float) -> Ask | None:
        """For the next window, so that its first calls need not wait, nor the state be there just then."""
        if self.ahead is None:
            self.ahead = Slice(Place(self.key, self.kind, window_of(self.kind, now_ns)))
        return self._ask(self.ahead, self._wanted(self.ahead, ready_s), 0, 0)

    def _wanted(self, slice_: Slice, ready_s: float) -> int:
        """Units to hold ready: the rate's, and where they are scarce no more than is fair to others."""
        wanted = max(self.largest, round(self.rate * ready_s))
        if not 0 <= slice_.fair < wanted:
            return wanted
        # Less than one call needs is of no use here; with what others hold it may be enough for one there.
        return slice_.fair if slice_.fair >= self.amount else 0

    def _close(self, slice_: Slice) -> Ask | None:
        if not slice_.lent:
            return None
        slice_.closing = True
        slice_.ceiling = slice_.used
        return Ask(place=slice_.place, limit=self.limit, used=slice_.used, ceiling=slice_.used, done=True)

    def closed(self, place: Place) -> list[Slice]:
        """The state has folded this window: its slices are no more."""
        gone = [one for one in self.slices if one.place == place and one.closing]
        self.old = [one for one in self.old if one not in gone]
        if self.now in gone:
            self.now = Slice(place)
        return gone

    @property
    def asleep(self) -> bool:
        """Nothing to tell and nothing held."""
        return not self.old and self.ahead is None and not self.now.lent and not self.needs


class Short(NamedTuple):
    """There is not enough in this process's part."""

    meter: Meter
    amount: int
