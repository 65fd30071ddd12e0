"""What changes from one plan to another, and what moving costs."""

from __future__ import annotations

import msgspec

from freehold.plan.result import Plan


class Move(msgspec.Struct, frozen=True, kw_only=True):
    """One workload at one place: units before and after."""

    workload: str
    place: str
    before: int
    after: int
    standby: bool = False

    @property
    def words(self) -> str:
        kind = "standby " if self.standby else ""
        if not self.before:
            return f"{self.workload} comes to {self.place} with {self.after} {kind}units"
        if not self.after:
            return f"{self.workload} leaves {self.place}, where it had {self.before} {kind}units"
        return f"{self.workload} goes from {self.before} to {self.after} {kind}units at {self.place}"


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    moves: tuple[Move, ...]
    usd_per_hour_before: float
    usd_per_hour_after: float
    switching_usd: float  # once

    @property
    def usd_per_hour_more(self) -> float:
        return self.usd_per_hour_after - self.usd_per_hour_before


def difference(before: Plan, after: Plan, switch_usd: float) -> Difference:
    """Switching is counted for every unit that begins at a place its workload was not on."""
    one, other = _units(before), _units(after)
    moves = tuple(
        Move(workload=key[0], place=key[1], standby=key[2], before=one.get(key, 0), after=other.get(key, 0))
        for key in sorted(one.keys() | other.keys())
        if one.get(key, 0) != other.get(key, 0)
    )
    begun = sum(move.after for move in moves if not move.before and not move.standby)
    return Difference(
        moves=moves, usd_per_hour_before=before.usd_per_hour, usd_per_hour_after=after.usd_per_hour,
        switching_usd=begun * switch_usd,
    )  # fmt: skip


def _units(plan: Plan) -> dict[tuple[str, str, bool], int]:
    found: dict[tuple[str, str, bool], int] = {}
    for one in plan.placements:
        key = (one.workload, one.place, one.standby)
        found[key] = found.get(key, 0) + one.units
    return found
