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
    "ledger": "Prove, verify, search and export the evidence.",
    "ledger key": "The keys that sign the ledger.",
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
    # settings
    Row("config explain", "freehold.cli.config_explain:command", "Explain one setting, or all of them."),
    Row("config schema", "freehold.cli.config_schema:command", "Print the JSON schema of freehold.toml."),
)
