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
    "substitute": "Homes with another model that may stand in.",
    "key": "Callers' keys: who may call the gateway.",
    "align": "Train a model by a constitution, and show how its safety moves.",
    "constitution": "Check, compare, import and sign what a model must hold to.",
    "catalog": "Look through what is known of vendors, chips, prices and outages, and correct it.",
    "attest": "Verify evidence of confidential hardware, offline.",
    "attest collateral": "Gather and check what evidence is judged with.",
    "ledger": "Prove, verify, search and export the evidence.",
    "ledger key": "The keys that sign the ledger.",
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
    Row("scan", "freehold.cli.scan:command", "Find the AI dependencies of a code base."),
    # the gateway
    Row(
        "demo",
        "freehold.cli.demo:command",
        "Three homes, one of them killed under load, and no caller notices.",
    ),
    Row("up", "freehold.cli.up:command", "Run the gateway."),
    Row("top", "freehold.cli.top:command", "Watch a running gateway: homes, health, calls, latency, spend."),
    Row("dashboard", "freehold.cli.dashboard:command", "Print a Grafana dashboard, or alert rules."),
    Row(
        "substitute test",
        "freehold.cli.substitute_test:command",
        "Measure how well a home stands in for a workload's own.",
    ),
    Row("reload", "freehold.cli.reload:command", "Make the running gateway read its settings again."),
    Row("key create", "freehold.cli.key_create:command", "Make a key for a caller."),
    Row("key list", "freehold.cli.key_list:command", "List callers' keys and what is left of their limits."),
    Row("key show", "freehold.cli.key_show:command", "Show one key and where its limits stand."),
    Row("key change", "freehold.cli.key_change:command", "Change what a key may do."),
    Row("key rotate", "freehold.cli.key_rotate:command", "Give a key a new secret."),
    Row("key revoke", "freehold.cli.key_revoke:command", "Make a key stop working."),
    Row("key admin", "freehold.cli.key_admin:command", "Make the key by which keys are managed over HTTP."),
    Row("key forgive", "freehold.cli.key_forgive:command", "Give out again what is uncertain of a key."),
    Row(
        "pocket serve",
        "freehold.cli.pocket_serve:command",
        "Run a home that speaks a vendor's protocol, or a whole estate of them.",
    ),
    Row("pocket faults", "freehold.cli.pocket_faults:command", "List what a fault script can break."),
    # training
    Row("align run", "freehold.cli.align_run:command", "Train a model by a constitution, from one recipe."),
    Row("align resume", "freehold.cli.align_resume:command", "Go on with a run that was cut off."),
    Row("align report", "freehold.cli.align_report:command", "Write one HTML page about a run."),
    Row(
        "constitution check", "freehold.cli.constitution_check:command", "Find every hole in a constitution."
    ),
    Row(
        "constitution diff",
        "freehold.cli.constitution_diff:command",
        "Say what changed between two constitutions.",
    ),
    Row(
        "constitution import",
        "freehold.cli.constitution_import:command",
        "Read published principles as a constitution.",
    ),
    Row(
        "constitution sign",
        "freehold.cli.constitution_sign:command",
        "Sign a constitution as one of its signers.",
    ),
    Row(
        "pocket train",
        "freehold.cli.pocket_train:command",
        "Build the pocket language model again, from nothing.",
    ),
    # what can be proved
    Row("attest verify", "freehold.cli.attest_verify:command", "Verify attestation evidence offline."),
    Row(
        "attest explain",
        "freehold.cli.attest_explain:command",
        "Say in sentences what evidence proves and what it does not.",
    ),
    Row(
        "attest collateral pack",
        "freehold.cli.attest_collateral_pack:command",
        "Gather collateral into one signed, versioned folder.",
    ),
    Row(
        "attest collateral show",
        "freehold.cli.attest_collateral_show:command",
        "Show what collateral holds and when it ends.",
    ),
    Row(
        "attest collateral check",
        "freehold.cli.attest_collateral_check:command",
        "Check signatures, windows and version of collateral.",
    ),
    # the ledger
    Row("ledger verify", "freehold.cli.ledger_verify:command", "Verify the whole ledger offline."),
    Row("ledger receipt", "freehold.cli.ledger_receipt:command", "Write one record's receipt."),
    Row("ledger check", "freehold.cli.ledger_check:command", "Check a receipt with nothing but a key."),
    Row("ledger consistency", "freehold.cli.ledger_consistency:command", "Prove that NEW extends OLD."),
    Row("ledger witness", "freehold.cli.ledger_witness:command", "Cosign only what extends the last seen."),
    Row("ledger export", "freehold.cli.ledger_export:command", "Write tiles and checkpoint for the world."),
    Row("ledger tail", "freehold.cli.ledger_tail:command", "Print the latest records."),
    Row("ledger show", "freehold.cli.ledger_show:command", "Print one record as it was stored."),
    Row("ledger query", "freehold.cli.ledger_query:command", "Search by time, workload, home; sum up."),
    Row("ledger archive", "freehold.cli.ledger_archive:command", "Move old segments away, proofs intact."),
    Row("ledger erase", "freehold.cli.ledger_erase:command", "Erase what a tenant said, for ever."),
    Row("ledger key show", "freehold.cli.ledger_key_show:command", "Print the ledger's verifier keys."),
    Row("ledger key rotate", "freehold.cli.ledger_key_rotate:command", "Hand over to a new key."),
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
