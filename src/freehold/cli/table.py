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
    "attest": "Verify evidence of confidential hardware, offline.",
    "attest collateral": "Gather and check what evidence is judged with.",
    "config": "Explain settings and print their JSON schema.",
    "pocket": "The embedded homes that make all of this run on a laptop.",
}

COMMANDS: tuple[Row, ...] = (
    # the estate
    Row("init", "freehold.cli.init:command", "Write a commented freehold.toml to start from."),
    Row("check", "freehold.cli.check:command", "Read freehold.toml and report every problem at once."),
    Row("map", "freehold.cli.map:command", "Say in one sentence what each workload stands on."),
    # the gateway
    Row("demo", "freehold.cli.demo:command", "Show one call through everything, from nothing."),
    Row("up", "freehold.cli.up:command", "Run the gateway."),
    Row(
        "pocket serve",
        "freehold.cli.pocket_serve:command",
        "Run a home that speaks a vendor's protocol.",
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
    # settings
    Row("config explain", "freehold.cli.config_explain:command", "Explain one setting, or all of them."),
    Row("config schema", "freehold.cli.config_schema:command", "Print the JSON schema of freehold.toml."),
)
