"""The pinned estate of bench/estate.py: 1,000 workloads, 500 homes, 2,000 services, by one seed.

Services come in ten vendors of 180 and a common stock of 200, in eight layers: a service needs only what is
in lower layers of its vendor or of the stock. One in five needs any of two or three (beside what it needs
all of). A home draws about 50 needs: 40 of its vendor's, 10 of the stock's. A workload has 1 to 6 homes of
any vendors. Change nothing here without publishing new figures.
"""

from __future__ import annotations

import random

from freehold.estate.graph import Graph, NodeKind

SEED = 20261120
VENDORS = 10
SERVICES_EACH = 180
STOCK = 200
LAYERS = 8
ANY_SHARE = 0.2
HOMES = 500
OWN_NEEDS = (36, 44)
STOCK_NEEDS = (6, 14)
WORKLOADS = 1000
HOMES_EACH = (1, 6)


def generate(times: int = 1, seed: int = SEED) -> Graph:
    """The estate; `times` 10 is ten of them side by side, with workloads across all."""
    rng = random.Random(seed)
    made = _Build()
    homes: list[int] = []
    for _ in range(times):
        stock = made.services(rng, STOCK, [])
        vendors = [made.services(rng, SERVICES_EACH, stock) for _ in range(VENDORS)]
        for _ in range(HOMES):
            own, common = rng.choice(vendors), stock
            needs = rng.sample(own, rng.randint(*OWN_NEEDS)) + rng.sample(common, rng.randint(*STOCK_NEEDS))
            homes.append(made.node("home", tuple(needs), ()))
    for _ in range(WORKLOADS * times):
        made.node("workload", (), tuple(rng.sample(homes, rng.randint(*HOMES_EACH))))
    return Graph(made.names, made.kinds, made.all_of, made.any_of)


class _Build:
    def __init__(self) -> None:
        self.names: list[str] = []
        self.kinds: list[NodeKind] = []
        self.all_of: list[tuple[int, ...]] = []
        self.any_of: list[tuple[int, ...]] = []

    def node(self, kind: NodeKind, all_of: tuple[int, ...], any_of: tuple[int, ...]) -> int:
        self.names.append(f"{kind}-{len(self.names)}")
        self.kinds.append(kind)
        self.all_of.append(all_of)
        self.any_of.append(any_of)
        return len(self.names) - 1

    def services(self, rng: random.Random, count: int, stock: list[int]) -> list[int]:
        """`count` services in LAYERS layers, standing on each other and now and then on the stock."""
        found: list[int] = []
        each = count // LAYERS
        for number in range(count):
            lower = found[: each * min(number // each, LAYERS - 1)]
            all_of = tuple(rng.sample(lower, min(len(lower), rng.choice((0, 1, 1, 2)))))
            any_of: tuple[int, ...] = ()
            if lower and rng.random() < ANY_SHARE * LAYERS / (LAYERS - 1):  # the lowest layer has none
                any_of = tuple(rng.sample(lower, rng.choice((2, 2, 3))))
            if stock and rng.random() < 0.1:
                all_of = (*all_of, rng.choice(stock))
            found.append(self.node("service", all_of, any_of))
        return found
