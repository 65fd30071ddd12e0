"""What the plan commands share: options of a run, the silicon to predict with, how a plan is printed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from freehold.cli.output import person_watching

if TYPE_CHECKING:
    from freehold.config import Loaded
    from freehold.estate.catalog import Catalog
    from freehold.plan.make import Made
    from freehold.plan.result import Plan
    from freehold.plan.settings import PlanSettings
    from freehold.plan.solver.solve import Progress
    from freehold.plan.way import Silicon
    from freehold.types.sampling import AlignShape

F = TypeVar("F", bound=Callable[..., Any])
SECONDS_DEFAULT = 10.0


def run_options(command: F) -> F:
    for option in (
        click.option("--seed", default=0, show_default=True, help="The same seed, the same plan."),
        click.option(
            "--seconds", default=SECONDS_DEFAULT, show_default=True, type=click.FloatRange(0.1, 86_400),
            help="How long to look, at most.",
        ),
        click.option(
            "--steps", type=click.IntRange(0), help="Look for so many steps instead: repeatable exactly."
        ),
        click.option(
            "--lost", multiple=True, metavar="HOME",
            help="This home is gone. What the plan in force had on it is placed again, the rest is left.",
        ),
    ):  # fmt: skip
        command = option(command)
    return command


anew_option = click.option("--anew", is_flag=True, help="With --lost: plan everything again.")


def silicon_of(catalog: Catalog) -> Silicon:
    """Every chip of the catalog, with the constants and what was measured here."""
    from freehold.cli.up import state_folder
    from freehold.plan.perf.chip import chip_of
    from freehold.plan.perf.constants import packaged
    from freehold.plan.perf.evidence import calibrated, load_measurements
    from freehold.plan.way import Silicon

    chips = {str(id): chip_of(chip) for id, chip in catalog.silicon.items()}
    found = load_measurements(state_folder() / "measurements.json")
    constants = calibrated(packaged(), found, chips) if found else packaged()
    return Silicon(chips=chips, constants=constants)


def made_plan(
    config: str | None,
    seed: int,
    seconds: float,
    steps: int | None,
    lost: tuple[str, ...],
    anew: bool,
    *,
    price_rules: bool,
) -> tuple[Made, Loaded]:
    """Read the estate, make the plan; after an outage, mend the one in force."""
    import freehold.plan.solver  # noqa: F401  # says which extra is missing, before anything needs it
    from freehold.cli.loading import load_settings
    from freehold.cli.up import state_folder
    from freehold.errors import UsageError
    from freehold.estate.build import build_estate, catalog_of
    from freehold.plan.make import make
    from freehold.plan.repair import repair
    from freehold.plan.solver.solve import Budget
    from freehold.plan.store import held, in_force
    from freehold.types.names import HomeId

    loaded = load_settings(config)
    estate = build_estate(loaded)
    unknown = [name for name in lost if name not in estate.homes]
    if unknown:
        raise UsageError(
            f"--lost names home {unknown[0]!r}, which is not in the estate",
            why=f"the estate has {len(estate.homes)} homes", fix="correct the name", code="plan.unknown-home",
        )  # fmt: skip
    folder = Path(loaded.source).parent if isinstance(loaded.source, str | Path) else Path()
    settings, silicon = loaded.sections["plan"], silicon_of(catalog_of(loaded))
    gone, before = frozenset(HomeId(name) for name in lost), in_force(state_folder())
    shapes = _shapes(settings, folder)
    if gone and not anew and before is not None and before.estate == estate.digest:
        return repair(estate, settings, silicon, before, gone, folder=folder, shapes=shapes), loaded
    budget = Budget(seconds=None, steps=steps) if steps is not None else Budget(seconds=seconds)
    made = make(
        estate, settings, silicon, seed=seed, budget=budget, held=held(before), lost=gone, folder=folder,
        shapes=shapes, price_rules=price_rules, progress=_shown() if person_watching() else lambda _: None,
    )  # fmt: skip
    return made, loaded


def _shapes(settings: PlanSettings, folder: Path) -> dict[str, AlignShape]:
    """The roles of every workload that names a recipe."""
    from freehold.cli.align_shape import read_shape

    return {
        name: read_shape(folder / work.recipe, work.model)
        for name, work in settings.work.items()
        if work.recipe
    }


def _shown() -> Callable[[Progress], None]:
    def show(at: Progress) -> None:
        gap = 100 * (at.price / at.bound - 1) if at.bound > 0 else 0.0
        click.echo(
            f"\r{at.stage:7} {at.seconds:6.1f} s  {at.price:,.2f} $/h, gap {gap:.2f} %   ", nl=False, err=True
        )

    return show


def say_plan(plan: Plan) -> None:
    """The table and the certificate."""
    from freehold.cli.show import say, table

    rows = [
        (p.workload, p.place, p.words, (p.chips or 0) * p.units or "", f"{p.usd_per_hour:,.2f}",
         _speed(p.tokens_per_s, p.tokens_per_s_low, p.tokens_per_s_high))
        for p in plan.placements
    ]  # fmt: skip
    table(("workload", "place", "what", "chips", "$/h", "tokens/s each (80 % interval)"), rows)
    say("")
    for one in plan.workloads:
        per = "unknown" if one.usd_per_unit is None else f"{one.usd_per_unit:,.3f} $"
        assumed = f" (assumed: {', '.join(one.assumed)})" if one.assumed else ""
        say(f"{one.workload}: {per} per {one.unit}{assumed}")
    say_certificate(plan)


def _speed(rate: float | None, low: float | None, high: float | None) -> str:
    return "" if rate is None else f"{rate:,.0f} ({low:,.0f} to {high:,.0f})"


def say_certificate(plan: Plan) -> None:
    from freehold.cli.show import say

    how = "proved best" if plan.exact else f"within {100 * plan.gap:.2f} % of the best"
    if plan.repaired:
        how += ", the others left where they are"
        say(f"\nplaced again in {plan.seconds:.2f} s: {', '.join(plan.repaired)}")
    say(
        f"\ncost   {plan.usd_per_hour:,.2f} $/h, {how}; "
        f"no plan costs less than {plan.bound_usd_per_hour:,.2f} $/h"
    )
    if plan.committed_usd_per_hour:
        say(
            f"       of it {plan.committed_usd_per_hour:,.2f} $/h for commitments, "
            f"{plan.idle_usd_per_hour:,.2f} $/h of them idle"
        )
    full = [b for b in plan.limits if b.used >= b.size * (1 - 1e-6) and b.size > 0]
    for one in full:
        say(f"binds  {one.limit}: {one.used:,.0f} of {one.size:,.0f} {one.unit}")
    for rule in plan.rules:
        say(f"price  {rule.words}")
    broken = [f"{loss.kind} {loss.name}: {', '.join(loss.broken)}" for loss in plan.losses if loss.broken]
    if plan.losses:
        outcome = (
            "every workload keeps what it must"
            if not broken
            else f"too little is left by {'; '.join(broken)}"
        )
        say(f"losses {len(plan.losses)} single losses replayed: {outcome}")
    for name, share in plan.unserved.items():
        say(f"UNSERVED {name}: {100 * share:.0f} % of its demand")
    for name, why in plan.left_out.items():
        say(f"left out {name}: it {why}")
