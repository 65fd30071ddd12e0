"""Places: the homes of an estate as they can be bought, what each draws on, and what each dies with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

import msgspec

from freehold.estate.blast import fall
from freehold.estate.graph import Graph
from freehold.estate.model import Estate
from freehold.plan.settings import Loss, PlanSettings
from freehold.types.homes import Home
from freehold.types.names import HomeId
from freehold.units import NANO_PER_USD

HOURS_PER_DAY = 24.0
MARKET = "spot market"


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """A home, bought on demand or spot. Money in dollars; unknown is None."""

    home: Home
    market: Literal["on-demand", "spot"] = "on-demand"
    chip_hour_usd: float | None = None
    chips: int | None = None

    @property
    def name(self) -> str:
        return self.home.id if self.market == "on-demand" else f"{self.home.id} (spot)"

    @property
    def serves_api(self) -> bool:
        return self.home.api is not None and self.home.chips is None


def places(estate: Estate, settings: PlanSettings) -> list[Place]:
    found = []
    for home in estate.homes.values():
        nano = home.price.chip_hour_nano_usd
        price = None if nano is None else nano / NANO_PER_USD
        found.append(Place(home=home, chip_hour_usd=price, chips=home.chips))
        spot = settings.spot.get(home.id)
        if spot is not None and home.chips is not None:
            lost = min(0.9, spot.interruptions_per_day * spot.hours_lost / HOURS_PER_DAY)
            # What is lost to interruptions is paid for and done again: the price of an hour that counts.
            price = spot.chip_hour_usd.nano / NANO_PER_USD / (1 - lost)
            found.append(Place(home=home, market="spot", chip_hour_usd=price, chips=spot.chips or home.chips))
    return found


class Losses(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that can be lost as one, by kind, with the homes that go with it."""

    homes: dict[tuple[Loss, str], frozenset[HomeId]]

    def of(self, kind: Loss) -> dict[str, frozenset[HomeId]]:
        return {name: gone for (found, name), gone in self.homes.items() if found == kind}


def losses(estate: Estate, graph: Graph) -> Losses:
    """By fact (vendor, region, ...), and for every service what the estate's own graph says falls with it."""
    found: dict[tuple[Loss, str], frozenset[HomeId]] = {}
    for home in estate.homes.values():
        for kind, name in _facts(home):
            found[kind, name] = found.get((kind, name), frozenset()) | {home.id}
    for id in estate.services:
        gone = homes_lost(graph, estate, [graph.service(id)])
        if gone:
            found["service", id] = gone
    return Losses(homes=found)


def homes_lost(graph: Graph, estate: Estate, failed: Iterable[int]) -> frozenset[HomeId]:
    fallen = fall(graph, list(failed))
    return frozenset(id for id in estate.homes if fallen.dead(graph.home(id)))


def _facts(home: Home) -> Iterator[tuple[Loss, str]]:
    yield "vendor", home.vendor
    yield "operator", home.operator
    if home.region is not None:
        yield "region", f"{home.vendor} {home.region}"
    if home.silicon is not None:
        yield "silicon", home.silicon
    if home.pool is not None:
        yield "pool", home.pool
