"""freehold plan explain"""

from __future__ import annotations

import click

from freehold.cli.output import config_option, emit_json, json_option
from freehold.cli.plan_made import made_plan, run_options


@click.command()
@click.argument("workload")
@config_option
@json_option
@run_options
def command(
    workload: str,
    config: str | None,
    as_json: bool,
    seed: int,
    seconds: float,
    steps: int | None,
    lost: tuple[str, ...],
) -> None:
    """Say why a workload goes where it goes, and not elsewhere."""
    from freehold.cli.show import say
    from freehold.plan.explain import explain

    made, _ = made_plan(config, seed, seconds, steps, lost, anew=True, price_rules=False)
    sentences = explain(made, workload)
    if as_json:
        emit_json("plan-explain/1", {"workload": workload, "sentences": sentences})
    else:
        say("\n".join(sentences))
