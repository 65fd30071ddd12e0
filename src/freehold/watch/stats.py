"""Rates with honest intervals: fixed-sample, always-valid, and corrected for a judge that errs.

Pure functions over counts. Which to use: `wilson` to show a rate once, `clopper_pearson` for a gate that
decides, `confidence_sequence` for a rate that is looked at again and again (a Wilson interval looked at
after every sample is wrong about 40 % of the time), `corrected` for a rate that a judge of known power
measured.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

from freehold.errors import InputError

JUDGE_INFORMATION_MIN = 0.1  # power minus false alarm below which a judge says too little to correct with
_BISECTIONS = 80
_FRACTION_TERMS_MAX = 500
_TINY = 1e-300


class Interval(msgspec.Struct, frozen=True, kw_only=True):
    """A rate, and where it lies with the stated confidence."""

    rate: float | None  # None: nothing was counted
    low: float
    high: float
    n: int
    confidence: float = 0.95


def wilson(hits: int, n: int, confidence: float = 0.95) -> Interval:
    """Wilson's score interval: for showing."""
    _check(hits, n)
    if n == 0:
        return Interval(rate=None, low=0.0, high=1.0, n=0, confidence=confidence)
    z = normal_quantile(0.5 + confidence / 2)
    rate = hits / n
    centre = (rate + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(rate * (1 - rate) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    low = 0.0 if hits == 0 else max(0.0, centre - half)
    high = 1.0 if hits == n else min(1.0, centre + half)
    return Interval(rate=rate, low=low, high=high, n=n, confidence=confidence)


def clopper_pearson(hits: int, n: int, confidence: float = 0.95) -> Interval:
    """The exact interval, never narrower than it says: for gates."""
    _check(hits, n)
    if n == 0:
        return Interval(rate=None, low=0.0, high=1.0, n=0, confidence=confidence)
    tail = (1 - confidence) / 2
    low = 0.0 if hits == 0 else beta_quantile(tail, hits, n - hits + 1)
    high = 1.0 if hits == n else beta_quantile(1 - tail, hits + 1, n - hits)
    return Interval(rate=hits / n, low=low, high=high, n=n, confidence=confidence)


def confidence_sequence(
    outcomes: Sequence[bool], confidence: float = 0.95, a: float = 1.0, b: float = 1.0
) -> Interval:
    """Robbins' beta-binomial interval after all of `outcomes`: valid at every look, at once.

    The set of p with B(a+S, b+n-S) / B(a, b) / (p^S (1-p)^(n-S)) < 1/alpha, intersected over every n so far.
    """
    low, high, hits = 0.0, 1.0, 0
    for n, outcome in enumerate(outcomes, start=1):
        hits += bool(outcome)
        now_low, now_high = _robbins(hits, n, 1 - confidence, a, b)
        low, high = max(low, now_low), min(high, now_high)
    n = len(outcomes)
    return Interval(rate=hits / n if n else None, low=low, high=max(low, high), n=n, confidence=confidence)


def _robbins(hits: int, n: int, alpha: float, a: float, b: float) -> tuple[float, float]:
    mixture = _log_beta(a + hits, b + n - hits) - _log_beta(a, b)

    def outside(p: float) -> bool:
        return mixture - _log_power(p, hits) - _log_power(1 - p, n - hits) >= -math.log(alpha)

    peak = hits / n
    low = 0.0 if not outside(0.0) else _boundary(outside, 0.0, peak)
    high = 1.0 if not outside(1.0) else _boundary(outside, 1.0, peak)
    return low, high


def _log_power(p: float, count: int) -> float:
    if count == 0:
        return 0.0
    return -math.inf if p <= 0 else count * math.log(p)


def _boundary(outside: object, far: float, near: float) -> float:
    """Between `far`, which is outside, and `near`, which is inside."""
    for _ in range(_BISECTIONS):
        middle = (far + near) / 2
        if outside(middle):  # type: ignore[operator]
            far = middle
        else:
            near = middle
    return far


class Judge(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a judge from labelled probes: what it saw, and how often it cried wolf."""

    caught: int
    violations: int
    alarms: int
    innocents: int

    @property
    def power(self) -> float:
        return self.caught / self.violations if self.violations else 0.0

    @property
    def false_alarm(self) -> float:
        return self.alarms / self.innocents if self.innocents else 1.0

    def power_low(self, confidence: float = 0.95) -> float:
        return clopper_pearson(self.caught, self.violations, 2 * confidence - 1).low


class Corrected(msgspec.Struct, frozen=True, kw_only=True):
    """A share of violations, corrected for the judge; None and [0, 1] where the judge says too little."""

    violations: float | None
    low: float
    high: float
    n: int
    why: str = ""


def corrected(flagged: int, n: int, judge: Judge, confidence: float = 0.95) -> Corrected:
    """Rogan and Gladen's estimate, with bounds that hold for sampling and judge error together.

    Each of the three rates gets a third of the error (Bonferroni), so the interval is wide rather than wrong.
    """
    _check(flagged, n)
    if n == 0:
        return Corrected(violations=None, low=0.0, high=1.0, n=0, why="nothing was judged")
    each = 1 - (1 - confidence) / 3
    seen = clopper_pearson(flagged, n, each)
    power = clopper_pearson(judge.caught, judge.violations, each)
    alarm = clopper_pearson(judge.alarms, judge.innocents, each)
    if power.low - alarm.high <= JUDGE_INFORMATION_MIN:
        return Corrected(violations=None, low=0.0, high=1.0, n=n, why="the judge is not known to see enough")
    estimate = (flagged / n - judge.false_alarm) / (judge.power - judge.false_alarm)
    return Corrected(
        violations=_clip(estimate),
        low=_clip((seen.low - alarm.high) / (power.high - alarm.high)),
        high=_clip((seen.high - alarm.low) / (power.low - alarm.low)),
        n=n,
    )


def safe_low(flagged: int, n: int, judge: Judge, confidence: float = 0.95) -> float:
    """The lower bound of the share that holds to the constitution. Unknown is never a pass: then it is 0."""
    return 1.0 - corrected(flagged, n, judge, confidence).high


def auc(violations: Sequence[float], innocents: Sequence[float]) -> float | None:
    """How often a violation scores above an innocent, ties counting half."""
    if not violations or not innocents:
        return None
    ordered = sorted([(score, 1) for score in violations] + [(score, 0) for score in innocents])
    wins, below, place = 0.0, 0, 0
    while place < len(ordered):
        end = place
        while end < len(ordered) and ordered[end][0] == ordered[place][0]:
            end += 1
        hits = sum(kind for _, kind in ordered[place:end])
        wins += hits * (below + (end - place - hits) / 2)
        below += end - place - hits
        place = end
    return wins / (len(violations) * len(innocents))


def calibration_error(chances: Sequence[float], outcomes: Sequence[bool], bins: int = 10) -> float | None:
    """Expected calibration error: how far said chances lie from what happened, weighted by bin."""
    if not chances:
        return None
    groups: dict[int, list[tuple[float, bool]]] = {}
    for chance, outcome in zip(chances, outcomes, strict=True):
        groups.setdefault(min(bins - 1, int(chance * bins)), []).append((chance, outcome))
    gaps = (abs(sum(c for c, _ in group) - sum(o for _, o in group)) for group in groups.values())
    return sum(gaps) / len(chances)


def normal_quantile(p: float) -> float:
    from statistics import NormalDist  # only where a quantile is asked for

    return NormalDist().inv_cdf(p)


def beta_quantile(p: float, a: float, b: float) -> float:
    low, high = 0.0, 1.0
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        if beta_cdf(middle, a, b) < p:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def beta_cdf(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function, by Lentz's continued fraction."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    front = math.exp(a * math.log(x) + b * math.log1p(-x) - _log_beta(a, b))
    if x < (a + 1) / (a + b + 2):
        return front * _fraction(x, a, b) / a
    return 1 - front * _fraction(1 - x, b, a) / b


def _fraction(x: float, a: float, b: float) -> float:
    c, d = 1.0, 1 / _off_zero(1 - (a + b) * x / (a + 1))
    value = d
    for m in range(1, _FRACTION_TERMS_MAX):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            d = 1 / _off_zero(1 + term * d)
            c = _off_zero(1 + term / c)
            value *= c * d
        if abs(c * d - 1) < 1e-15:
            break
    return value


def _off_zero(x: float) -> float:
    return x if abs(x) > _TINY else _TINY


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


def _clip(x: float) -> float:
    return min(1.0, max(0.0, x))


def _check(hits: int, n: int) -> None:
    if not 0 <= hits <= n:
        raise InputError(
            f"{hits} of {n} is not a count",
            why="hits lie between 0 and n",
            fix="check where the counts come from",
            code="watch.bad-count",
        )


class MeanInterval(msgspec.Struct, frozen=True, kw_only=True):
    """A mean, a median or a difference, and where it lies with the stated confidence; None: too few."""

    value: float
    low: float | None
    high: float | None
    n: int
    confidence: float = 0.95


def mean_interval(values: Sequence[float], confidence: float = 0.95) -> MeanInterval | None:
    """The mean with a normal interval; None without values."""
    n = len(values)
    if n == 0:
        return None
    mean = math.fsum(values) / n
    if n < 2:
        return MeanInterval(value=mean, low=None, high=None, n=n, confidence=confidence)
    spread = math.sqrt(math.fsum((one - mean) ** 2 for one in values) / (n - 1))
    half = normal_quantile(0.5 + confidence / 2) * spread / math.sqrt(n)
    return MeanInterval(value=mean, low=mean - half, high=mean + half, n=n, confidence=confidence)


def median_interval(values: Sequence[float], confidence: float = 0.95) -> MeanInterval | None:
    """The median between two order statistics: it holds whatever the values are spread like."""
    n = len(values)
    if n == 0:
        return None
    ordered = sorted(values)
    middle = (ordered[(n - 1) // 2] + ordered[n // 2]) / 2
    rank, below = -1, 0.0  # the chance that at most `rank` of n values lie below the median
    while rank + 1 < n / 2:
        more = below + math.exp(_log_choose(n, rank + 1) - n * math.log(2))
        if more > (1 - confidence) / 2:
            break
        rank, below = rank + 1, more
    if rank < 0:
        return MeanInterval(value=middle, low=None, high=None, n=n, confidence=confidence)
    return MeanInterval(
        value=middle, low=ordered[rank], high=ordered[n - 1 - rank], n=n, confidence=confidence
    )


def paired_difference(only_first: int, only_second: int, n: int, confidence: float = 0.95) -> MeanInterval:
    """How much more often the first of two says yes to the same things: Agresti and Min's interval.

    Only what one of them says yes to alone tells them apart; half of one is added to each of the four cells.
    """
    if only_first < 0 or only_second < 0:
        _check(-1, n)
    _check(only_first + only_second, n)
    first, second, total = only_first + 0.5, only_second + 0.5, n + 2.0
    difference = (first - second) / total
    spread = math.sqrt(max(0.0, (first + second) - (first - second) ** 2 / total)) / total
    half = normal_quantile(0.5 + confidence / 2) * spread
    return MeanInterval(
        value=(only_first - only_second) / n if n else 0.0, low=max(-1.0, difference - half),
        high=min(1.0, difference + half), n=n, confidence=confidence,
    )  # fmt: skip


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
