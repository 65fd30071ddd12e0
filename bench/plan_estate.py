"""A pinned estate for bench/plan.py: 200 rented homes of five vendors, 1,000 workloads, each free in a third.

Unlike `instances.py`, which draws costs, this one is real to the planner: models, silicon, prices, policies.
Change nothing here without publishing new figures.
"""

from __future__ import annotations

import random

from freehold.estate.model import Estate
from freehold.plan.settings import PlanSettings, WorkSettings
from freehold.types.homes import Home, Policy, Price, Workload
from freehold.types.names import HomeId, PolicyId, SiliconId, WorkloadId
from freehold.units import NANO_PER_USD

SEED = 20261120
VENDORS = ("aws", "google", "azure", "nebius", "oci")
REGIONS = 10
SILICON = {"h100": 3.2, "h200": 3.9, "tpu-v6e": 2.7, "trainium1": 1.34}  # and its usual $ per chip and hour
CHIPS = (64, 128, 256, 512)
WORKLOADS = 1000
LISTED = 70  # homes that a workload may use
SERVE, TRAIN = 0.55, 0.80  # cumulative shares; the rest is batch with a deadline
MODELS = ("llama-3.1-8b", "llama-3.3-70b", "qwen-2.5-32b", "mixtral-8x7b")
APART = Policy(id=PolicyId("apart"), homes_min=2, distinct=("region",))


def generate(seed: int = SEED) -> tuple[Estate, PlanSettings]:
    rng = random.Random(seed)
    homes = {home.id: home for home in _homes(rng)}
    workloads: dict[WorkloadId, Workload] = {}
    work: dict[str, WorkSettings] = {}
    for number in range(WORKLOADS):
        id, kind = WorkloadId(f"w{number}"), rng.random()
        listed = tuple(rng.sample(sorted(homes), LISTED))
        if kind < SERVE:
            workloads[id] = Workload(
                id=id, homes=listed, policy=APART, requests_per_min=rng.randint(20, 400),
                input_tokens=rng.choice((500, 1000, 4000)), output_tokens=rng.choice((100, 250, 500)),
            )  # fmt: skip
            work[id] = WorkSettings(model=rng.choice(MODELS), precision="fp8")
        else:
            job = "train" if kind < TRAIN else "batch"
            workloads[id] = Workload(id=id, kind=job, homes=listed)  # type: ignore[arg-type]  # one of the kinds
            tokens = rng.choice((1e9, 3e9)) if job == "train" else rng.choice((2e8, 1e9))
            model = "llama-3.1-8b" if job == "train" else rng.choice(MODELS)
            work[id] = WorkSettings(model=model, tokens=tokens, deadline_hours=rng.choice((120.0, 360.0)))
    estate = Estate(name="pinned", homes=homes, workloads=workloads, policies={APART.id: APART})
    return estate, PlanSettings(work=work)


def _homes(rng: random.Random) -> list[Home]:
    return [
        Home(
            id=HomeId(f"{vendor}-r{region}-{silicon}"), vendor=vendor, operator=vendor,
            region=f"{vendor}-r{region}", silicon=SiliconId(silicon), chips=rng.choice(CHIPS),
            price=Price(
                chip_hour_nano_usd=round(usd * rng.uniform(0.75, 1.6) * NANO_PER_USD), source="pinned"
            ),
        )
        for vendor in VENDORS
        for region in range(REGIONS)
        for silicon, usd in SILICON.items()
    ]  # fmt: skip
