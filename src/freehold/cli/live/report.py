"""Paper beside life: what was predicted, what callers saw, and which of the two is likely wrong. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Final, Literal

import msgspec

from freehold.cli.live.load import Called
from freehold.estate.drill import Moment, Stretch
from freehold.types.names import HomeId, WorkloadId
from freehold.watch.stats import wilson

CALLS_MIN: Final = 20  # fewer say too little
SHARE_TOLERANCE: Final = 0.02  # a difference smaller than this is nobody's mistake
EARLY_SHARE: Final = 0.25  # of a stretch: failures so soon after a change are the time it took to notice
MOST: Final = 0.6
WHYS_MAX: Final = 3
OTHER_HOMES_SHARE: Final = 0.2

Likely = Literal["paper", "live", "neither"]


class Phase(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of the drill, on the incident's clock and on ours. `moment` None: before anything happens."""

    name: str
    from_s: float
    to_s: float
    moment: Moment | None = None
    over: bool = False  # everything is back
    calm: bool = False  # and nothing is left of it

    @property
    def minutes_per_s(self) -> float:
        if self.moment is None:
            return 0.0
        return (self.moment.to_min - self.moment.from_min) / max(self.to_s - self.from_s, 1e-9)


class Paper(msgspec.Struct, frozen=True, kw_only=True):
    """What the paper drill says of one workload in one stretch."""

    state: str
    share: float | None  # None: it does not know
    homes: tuple[HomeId, ...]


class Live(msgspec.Struct, frozen=True, kw_only=True):
    """What callers saw. Shares are of the calls sent; the bounds hold with 95 % confidence."""

    sent: int
    ok: int
    share: float | None
    low: float
    high: float
    rescued: int
    substituted: int
    from_wrong_homes: int
    wait_p50_s: float | None  # beyond the time that saying the answer takes
    wait_p95_s: float | None
    added_p50_s: float | None  # to what it was before
    added_p95_s: float | None
    homes: dict[str, int]
    whys: dict[str, int]


class Row(msgspec.Struct, frozen=True, kw_only=True):
    workload: WorkloadId
    phase: str
    paper: Paper
    live: Live
    differs: bool
    likely_wrong: Likely
    why: str


def row(
    workload: WorkloadId, phase: Phase, paper: Paper, calls: Sequence[Called], rescued: frozenset[str],
    before: Live | None,
) -> Row:  # fmt: skip
    wrong = phase.moment.wrong if phase.moment is not None else frozenset[HomeId]()
    live = seen(calls, rescued, wrong, before)
    differs, likely, why = compared(phase, paper, live, calls)
    return Row(
        workload=workload, phase=phase.name, paper=paper, live=live, differs=differs, likely_wrong=likely,
        why=why,
    )  # fmt: skip


def seen(
    calls: Sequence[Called], rescued: frozenset[str], wrong: frozenset[HomeId], before: Live | None
) -> Live:
    ok = [one for one in calls if one.ok]
    bounds = wilson(len(ok), len(calls))
    waits = sorted(one.wait_s for one in ok)
    p50, p95 = (median(waits), waits[int(0.95 * (len(waits) - 1))]) if waits else (None, None)
    return Live(
        sent=len(calls), ok=len(ok), share=bounds.rate, low=bounds.low, high=bounds.high,
        rescued=sum(one.receipt in rescued for one in ok), substituted=sum(one.substitute for one in ok),
        from_wrong_homes=sum(HomeId(one.home) in wrong for one in ok),
        wait_p50_s=p50, wait_p95_s=p95,
        added_p50_s=_added(p50, before.wait_p50_s if before is not None else None),
        added_p95_s=_added(p95, before.wait_p95_s if before is not None else None),
        homes=dict(Counter(one.home for one in ok).most_common()),
        whys=dict(Counter(one.why for one in calls if one.why).most_common(WHYS_MAX)),
    )  # fmt: skip


def _added(now: float | None, before: float | None) -> float | None:
    return None if now is None or before is None else now - before


def paper_of(
    phase: Phase, stretches: Sequence[Stretch], before: float | None, mine: Sequence[HomeId]
) -> Paper:
    """Before anything happens and after all of it, the paper's word is what is served always."""
    if phase.moment is None or phase.calm:
        return Paper(state="up", share=before, homes=tuple(mine))
    found = next(
        one
        for one in stretches
        if one.from_min <= phase.moment.from_min and phase.moment.to_min <= one.to_min
    )
    return Paper(state=found.state, share=found.share, homes=found.homes)


def compared(phase: Phase, paper: Paper, live: Live, calls: Sequence[Called]) -> tuple[bool, Likely, str]:
    """Do the two differ, who is likely wrong, and why."""
    if live.sent < CALLS_MIN:
        return False, "neither", f"{live.sent} calls are too few to tell"
    if paper.share is None:
        return False, "neither", "the paper rests on a capacity or a demand that nobody stated"
    if paper.share > live.high + SHARE_TOLERANCE:
        likely, why = _worse(phase, live, calls)
        return True, likely, why
    if paper.share < live.low - SHARE_TOLERANCE:
        likely, why = _better(phase, live, calls)
        return True, likely, why
    other = {home: count for home, count in live.homes.items() if home not in paper.homes}
    if paper.homes and sum(other.values()) > OTHER_HOMES_SHARE * live.ok:
        return False, "neither", (
            f"served as predicted, but by {', '.join(other)} where the paper had {', '.join(paper.homes)}: "
            "the gateway orders by health, price and weight, the paper by the file"
        )  # fmt: skip
    return False, "neither", ""


def _better(phase: Phase, live: Live, calls: Sequence[Called]) -> tuple[Likely, str]:
    outlasted = sum(one.ok and one.at_s + one.seconds > phase.to_s for one in calls)
    if outlasted >= MOST * live.ok:
        return "live", (
            f"{outlasted} of {live.ok} answers came when the stretch was over: their calls waited it out, "
            "which at life's own speed nobody does"
        )  # fmt: skip
    if phase.moment is not None and phase.moment.unnoticed:
        return "paper", (
            "the paper lets traffic go where it always went while the vendor says nothing; the gateway "
            "noticed by the failures themselves, so callers behind it fare as they did live"
        )  # fmt: skip
    if live.substituted:
        return "paper", f"{live.substituted} answers came from substitutes that the paper did not count"
    if phase.moment is not None and phase.moment.capacity_times < 1:
        return "live", (
            "the paper has less room in the pools that are left; a limit is exceeded only by a load that "
            "lasts, and the drill's is short: play it slower"
        )  # fmt: skip
    return (
        "paper",
        "homes answered that the paper takes to be dead or full: look at what they are said to stand on",
    )


def _worse(phase: Phase, live: Live, calls: Sequence[Called]) -> tuple[Likely, str]:
    failed = [one for one in calls if not one.ok]
    most = next(iter(live.whys), "")
    length = phase.to_s - phase.from_s
    early = sum(one.at_s < phase.from_s + EARLY_SHARE * length for one in failed)
    if most in ("gateway.none-allowed", "gateway.unknown-model"):
        return "paper", (
            f"the gateway refused {live.whys[most]} calls ({most}): it takes nothing for proved that it has "
            "not verified itself, and the paper believes the file"
        )  # fmt: skip
    if phase.over:
        return "live", (
            "homes are back, and the gateway still keeps away from some: its breakers wait up to a minute "
            f"of real time, which is {60 * max(phase.minutes_per_s, 1 / 60):,.0f} minutes at this speed"
        )  # fmt: skip
    if "rate" in most:
        return "paper", (
            f"homes turned calls away ({most}): the paper lets what a pool cannot take move on at once"
        )  # fmt: skip
    if failed and early >= MOST * len(failed):
        lasted = max(one.at_s for one in failed) - phase.from_s
        return "live", (
            f"{early} of {len(failed)} failures came within {EARLY_SHARE * length:.1f} s of the change, as "
            "it took effect and was noticed; at this speed their "
            f"{lasted:.1f} s stand for {lasted * phase.minutes_per_s:,.0f} minutes"
        )  # fmt: skip
    return "paper", (
        f"callers were refused ({', '.join(f'{why} {count}' for why, count in live.whys.items())}) where the "
        "paper has a home that serves: the estate leaves something out, or a policy keeps the gateway away"
    )  # fmt: skip


def summary(rows: Sequence[Row]) -> Mapping[str, int]:
    return {
        "sent": sum(one.live.sent for one in rows), "served": sum(one.live.ok for one in rows),
        "rescued": sum(one.live.rescued for one in rows), "differences": sum(one.differs for one in rows),
    }  # fmt: skip
