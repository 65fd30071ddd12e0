"""What is counted. Counting is an addition; words are made of it in `exposition`, when somebody asks."""

from __future__ import annotations

from typing import Final

from freehold.types.conversation import Usage

# Upper bounds of the histograms in seconds: powers of two from 1 ms, so that a bucket is a bit length.
BUCKETS: Final = tuple(0.001 * 2**n for n in range(20))
SERIES_MAX: Final = 10_000
_LAST: Final = len(BUCKETS)  # the bucket without an upper bound


class Histogram:
    """Counts per power of two of milliseconds."""

    __slots__ = ("count", "counts", "total")

    def __init__(self) -> None:
        self.counts = [0] * (len(BUCKETS) + 1)
        self.count = 0
        self.total = 0.0

    def add(self, seconds: float) -> None:
        # 0..1 ms is bucket 0, 1..2 ms is 1, and so on.
        at = int(seconds * 1000).bit_length() if seconds > 0 else 0
        self.counts[at if at < _LAST else _LAST] += 1
        self.count += 1
        self.total += seconds


class Tally:
    """Calls of one workload that one home answered: counted together, since nearly all calls end so."""

    __slots__ = ("_durations", "_first", "count", "tokens_in", "tokens_out")

    def __init__(self, durations: Histogram, first: Histogram) -> None:
        self._durations, self._first = durations, first
        self.count = self.tokens_in = self.tokens_out = 0

    def answered(self, seconds: float, first_seconds: float | None, usage: Usage | None) -> None:
        """`first_seconds`: from the request to its first content, where no other home was asked before."""
        self.count += 1
        durations, first = self._durations, self._first
        at = int(seconds * 1000).bit_length()
        durations.counts[at if at < _LAST else _LAST] += 1
        durations.count += 1
        durations.total += seconds
        if first_seconds is not None:
            at = int(first_seconds * 1000).bit_length()
            first.counts[at if at < _LAST else _LAST] += 1
            first.count += 1
            first.total += first_seconds
        if usage is not None:
            self.tokens_in += usage.fresh or 0
            self.tokens_out += usage.output or 0


class Metrics:
    """The counters of one process."""

    __slots__ = (
        "attempts",
        "calls",
        "denied",
        "durations",
        "first",
        "rescued",
        "spent",
        "tallies",
        "tokens",
        "unpriced",
        "unreadable",
    )

    def __init__(self) -> None:
        self.calls: dict[tuple[str, str, str], int] = {}  # workload, home, outcome
        self.tallies: dict[tuple[str, str], Tally] = {}  # workload, home
        self.attempts: dict[tuple[str, str], int] = {}  # home, kind of failure
        self.durations: dict[str, Histogram] = {}  # workload
        self.first: dict[str, Histogram] = {}  # home
        self.tokens: dict[tuple[str, str], int] = {}  # home, kind
        self.rescued: dict[tuple[str, str], int] = {}  # workload, how
        self.denied: dict[str, int] = {}  # code
        self.unpriced: dict[tuple[str | None, str | None], int] = {}  # workload, key
        self.spent: dict[tuple[str | None, str | None], int] = {}  # workload, key: nano-dollars
        self.unreadable = 0

    def call(self, workload: str, home: str, outcome: str, seconds: float) -> None:
        key = (workload, home, outcome)
        calls = self.calls
        calls[key] = calls.get(key, 0) + 1
        histogram = self.durations.get(workload)
        if histogram is None:
            histogram = self.durations[workload] = Histogram()
        histogram.add(seconds)

    def tally(self, workload: str, home: str) -> Tally:
        found = self.tallies.get((workload, home))
        if found is None:
            durations = self.durations.setdefault(workload, Histogram())
            found = Tally(durations, self.first.setdefault(home, Histogram()))
            self.tallies[workload, home] = found
        return found

    def used(self, home: str, kind: str, count: int) -> None:
        key = (home, kind)
        try:
            self.tokens[key] += count
        except KeyError:
            self.tokens[key] = count

    def spent_on(self, workload: str | None, key: str | None, nano_usd: int | None) -> None:
        """What a call cost; None: that is not known, which is counted too."""
        kept, more = (self.unpriced, 1) if nano_usd is None else (self.spent, nano_usd)
        paid = (workload, key)
        if paid in kept or len(kept) < SERIES_MAX:
            kept[paid] = kept.get(paid, 0) + more

    def attempt_failed(self, home: str, kind: str) -> None:
        if (home, kind) in self.attempts or len(self.attempts) < SERIES_MAX:
            self.attempts[home, kind] = self.attempts.get((home, kind), 0) + 1
