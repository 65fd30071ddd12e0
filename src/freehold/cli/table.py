"""Every command: where it lives, what it is for, and which group it belongs to.

Adding one is one file in this folder, one row here, and one row in docs/reference/cli.md (a test holds them).
A row is (path of words, "module:attribute", one line of help). A name is a leaf or a group, never both.
"""

from __future__ import annotations

from typing import NamedTuple


class Row(NamedTuple):
    words: str
    target: str
    help: str


GROUPS: dict[str, str] = {
    "catalog": "Look through what is known of vendors, chips, prices and outages, and correct it.",
    "config": "Explain settings and print their JSON schema.",
    "plan": "Say where work should go, on which silicon, at what price.",
    "pocket": "The embedded homes that make all of this run on a laptop.",
}

COMMANDS: tuple[Row, ...] = (
    # the estate
    Row("init", "freehold.cli.init:command", "Write a commented freehold.toml to start from."),
    Row("check", "freehold.cli.check:command", "Read freehold.toml and report every problem at once."),
    Row("map", "freehold.cli.map:command", "Say in one sentence what each workload stands on."),
    Row(
        "cuts",
        "freehold.cli.cuts:command",
        "List every smallest set of things whose loss takes a workload down.",
    ),
    Row(
        "blast",
        "freehold.cli.blast:command",
        "Say what dies, degrades and stays untouched when services fail.",
    ),
    Row("shared", "freehold.cli.shared:command", "Say what two homes both stand on."),
    Row("drill", "freehold.cli.drill:command", "Play outages against the estate and say who goes down."),
    Row("advise", "freehold.cli.advise:command", "Name the cheapest changes that remove the most cut sets."),
    Row("catalog list", "freehold.cli.catalog_list:command", "List what the catalog holds, or search it."),
    Row(
        "catalog show", "freehold.cli.catalog_show:command", "Show one entry with the source of each figure."
    ),
    Row(
        "catalog import",
        "freehold.cli.catalog_import:command",
        "Read a price list of SkyPilot or LiteLLM into a catalog file.",
    ),
    Row("catalog diff", "freehold.cli.catalog_diff:command", "Say what a catalog file adds and corrects."),
    Row("catalog stale", "freehold.cli.catalog_stale:command", "List figures past their age limit."),
    # the gateway
    Row("demo", "freehold.cli.demo:command", "Show one call through everything, from nothing."),
    Row("up", "freehold.cli.up:command", "Run the gateway."),
    Row(
        "pocket serve",
        "freehold.cli.pocket_serve:command",
        "Run a home that speaks a vendor's protocol.",
    ),
    # where work goes
    Row("predict", "freehold.cli.predict:command", "Say what a unit of work costs on every kind of silicon."),
    Row("calibrate", "freehold.cli.calibrate:command", "Correct the predictions by what was measured here."),
    Row(
        "plan make", "freehold.cli.plan_make:command", "Say where everything should go, and how good that is."
    ),
    Row("plan explain", "freehold.cli.plan_explain:command", "Say why a workload goes where it goes."),
    Row("plan show", "freehold.cli.plan_show:command", "Print the plan in force."),
    Row(
        "plan diff",
        "freehold.cli.plan_diff:command",
        "Say what a new plan would change, and what moving costs.",
    ),
    # settings
    Row("config explain", "freehold.cli.config_explain:command", "Explain one setting, or all of them."),
    Row("config schema", "freehold.cli.config_schema:command", "Print the JSON schema of freehold.toml."),
)
