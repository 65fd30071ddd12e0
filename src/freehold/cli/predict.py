"""freehold predict"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from freehold.cli.output import config_option, emit_json, json_option
from freehold.errors import UsageError

if TYPE_CHECKING:
    from freehold.estate.catalog import Catalog
    from freehold.plan.perf.align import AlignPrediction
    from freehold.plan.perf.predict import Prediction
    from freehold.plan.perf.shape import ModelShape
    from freehold.plan.prices import Doubt


@click.command()
@click.option("--model", required=True, help="An open model, such as llama-3.3-70b.")
@click.option(
    "--kind", type=click.Choice(["serve", "batch", "train", "align"]), default="serve", show_default=True,
    help="serve: people wait; batch: they do not.",
)  # fmt: skip
@click.option("--in", "inputs", default=1000.0, show_default=True, help="Tokens in a request.")
@click.option("--out", "outputs", default=1000.0, show_default=True, help="Tokens in an answer.")
@click.option(
    "--precision", type=click.Choice(["bf16", "fp8", "int8", "fp4"]), default="bf16", show_default=True
)
@click.option("--batch", type=click.IntRange(1), help="Sequences at once.  [default: what fits]")
@click.option("--sequence", default=4096, show_default=True, help="Tokens in a training sequence.")
@click.option(
    "--speculation", default=1.0, show_default=True, help="Tokens gained per step by a draft model."
)
@click.option("--chips", type=click.IntRange(1), help="Chips together.  [default: the fewest that fit]")
@click.option("--parameters", type=float, help="Billions, where the model is not known by name.")
@click.option("--recipe", metavar="FILE", help="For --kind align: the recipe, or a file of its roles.")
@click.option("--svg", metavar="FILE", help="Write a chart there.")
@click.option("--suspects", is_flag=True, help="List the prices that were doubted, and why.")
@config_option
@json_option
def command(
    model: str,
    kind: str,
    inputs: float,
    outputs: float,
    precision: str,
    batch: int | None,
    sequence: int,
    speculation: float,
    chips: int | None,
    parameters: float | None,
    recipe: str | None,
    svg: str | None,
    suspects: bool,
    config: str | None,
    as_json: bool,
) -> None:
    """Say what a unit of work costs on every kind of silicon: tokens/s, dollars, watts, and how sure that is.

    Prices are the cheapest on demand that can be believed; --config takes the catalog of an estate.
    """
    from freehold.plan.perf.predict import Work

    catalog = _catalog(config)
    if kind == "align":
        _align(model, recipe, precision, catalog, as_json)
        return
    work = Work(
        kind=kind, precision=precision, inputs=inputs, outputs=outputs, sequence=sequence, batch=batch,  # type: ignore[arg-type]  # click checked it
        speculation=speculation,
    )  # fmt: skip
    shape = _shape(model, parameters)
    found = _predictions(shape, work, catalog, chips)
    if svg is not None:
        from freehold.plan.perf.chart import chart

        Path(svg).write_text(
            chart(f"{shape.name}, {kind}, {precision}: $ per million tokens", found), encoding="utf-8"
        )
        click.echo(f"wrote {svg}", err=True)
    if as_json:
        doubted = _doubted(catalog) if suspects else None
        emit_json("predict/1", {"model": shape, "work": work, "predictions": found, "doubted": doubted})
    else:
        _print(shape, found, kind)
        _say_doubted(catalog, suspects)


def _catalog(config: str | None) -> Catalog:
    from freehold.estate.catalog import load

    if config is None:
        return load()
    from freehold.cli.loading import load_settings
    from freehold.estate.build import catalog_of

    return catalog_of(load_settings(config))


def _shape(model: str, parameters: float | None) -> ModelShape:
    from freehold.plan.perf.shape import guessed, shape_of

    return shape_of(model) if parameters is None else guessed(model, parameters)


def _predictions(shape: ModelShape, work: object, catalog: Catalog, chips: int | None) -> list[Prediction]:
    """Cheapest first; then those without a price; then those that cannot."""
    from freehold.cli.plan_made import silicon_of
    from freehold.plan.perf.predict import predict
    from freehold.plan.prices import cheapest

    silicon = silicon_of(catalog)
    prices = cheapest(catalog.offers, catalog.silicon)
    found = []
    for id, chip in silicon.chips.items():
        price = prices.get(id)
        found.append(
            predict(
                shape, work, chip, silicon.constants, chips=chips,  # type: ignore[arg-type]  # it is Work
                chip_hour_usd=None if price is None else price.chip_hour_usd,
                price_from="" if price is None else price.words,
            )
        )  # fmt: skip
    return sorted(
        found,
        key=lambda p: (p.tokens_per_s is None, p.usd_per_mtok is None, p.usd_per_mtok or 0.0, p.silicon),
    )


def _print(shape: ModelShape, found: list[Prediction], kind: str) -> None:
    from freehold.cli.show import say, table

    rows = [
        (
            p.silicon, p.chips or "", _range(p.tokens_per_s, p.tokens_per_s_low, p.tokens_per_s_high, 0),
            _range(p.usd_per_mtok, p.usd_per_mtok_low, p.usd_per_mtok_high, 2),
            None if p.watts is None else f"{p.watts:,.0f}", p.unknown or p.rests_on,
        )
        for p in found
    ]  # fmt: skip
    unit = "trained" if kind == "train" else "output"
    table(("silicon", "chips", "tokens/s (80 %)", f"$/M {unit} tokens (80 %)", "watts", "it rests on"), rows)
    if shape.assumed:
        say(f"\nassumed: {shape.assumed}")


def _doubted(catalog: Catalog) -> list[Doubt]:
    """What was found against each price, one entry a finding."""
    from freehold.plan.prices import believed, doubts

    return doubts(believed(catalog.offers, catalog.silicon))


def _say_doubted(catalog: Catalog, suspects: bool) -> None:
    from freehold.cli.show import say

    found = _doubted(catalog)
    unused = len({one.price for one in found if not one.used})
    if suspects:
        for one in found:
            say(f"{one.defect}{'' if one.used else ' (not used)'}: {one.what}; {one.fix}")
    elif unused:
        say(
            f"\n{unused} of {len(catalog.offers)} prices of the catalog were not believed: "
            "--suspects lists them"
        )


def _range(value: float | None, low: float | None, high: float | None, digits: int) -> str | None:
    if value is None or low is None or high is None:
        return None
    return f"{value:,.{digits}f} ({low:,.{digits}f} to {high:,.{digits}f})"


def _align(model: str, recipe: str | None, precision: str, catalog: Catalog, as_json: bool) -> None:
    from freehold.cli.align_shape import read_shape
    from freehold.cli.plan_made import silicon_of
    from freehold.errors import InputError
    from freehold.plan.perf.align import predict_align
    from freehold.plan.prices import cheapest

    if recipe is None:
        raise UsageError(
            "--kind align needs --recipe", why="the roles and their token ratios come from the recipe",
            fix="name the recipe of the run", code="plan.no-recipe",
        )  # fmt: skip
    silicon = silicon_of(catalog)
    prices = cheapest(catalog.offers, catalog.silicon)
    found = predict_align(
        read_shape(Path(recipe), model), silicon.chips, prices, silicon.constants, precision
    )
    if isinstance(found, str):
        raise InputError(
            found,
            why="every chip is too small, or unpriced",
            fix="use fp8, or other models",
            code="plan.does-not-fit",
        )
    if as_json:
        emit_json("predict-align/1", found)
    else:
        _print_align(found)


def _print_align(found: AlignPrediction) -> None:
    from freehold.cli.show import say, table

    rows = [
        (r.role, r.model, r.silicon, r.chips, f"{r.vendor} {r.region}", f"{r.hours:,.2f}",
         _range(r.usd, r.usd_low, r.usd_high, 2), r.rests_on)
        for r in found.roles
    ]  # fmt: skip
    table(("role", "model", "silicon", "chips", "price of", "hours", "$ (80 %)", "it rests on"), rows)
    say(f"\nmoving weights: {found.moving_usd:,.2f} $, {found.moving_hours:,.2f} h")
    say(f"the run: {found.usd:,.2f} $ ({found.usd_low:,.2f} to {found.usd_high:,.2f}), {found.hours:,.2f} h")
