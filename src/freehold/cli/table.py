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
    "key": "Callers' keys: who may call the gateway.",
    "config": "Explain settings and print their JSON schema.",
    "pocket": "The embedded homes that make all of this run on a laptop.",
}

COMMANDS: tuple[Row, ...] = (
    # the estate
    Row("init", "freehold.cli.init:command", "Write a commented freehold.toml to start from."),
    Row("check", "freehold.cli.check:command", "Read freehold.toml and report every problem at once."),
    Row("map", "freehold.cli.map:command", "Say in one sentence what each workload stands on."),
    # the gateway
    Row(
        "demo",
        "freehold.cli.demo:command",
        "Three homes, one of them killed under load, and no caller notices.",
    ),
    Row("up", "freehold.cli.up:command", "Run the gateway."),
    Row("reload", "freehold.cli.reload:command", "Make the running gateway read its settings again."),
    Row("key create", "freehold.cli.key_create:command", "Make a key for a caller."),
    Row("key list", "freehold.cli.key_list:command", "List callers' keys, without their secrets."),
    Row("key revoke", "freehold.cli.key_revoke:command", "Make a key stop working."),
    Row(
        "pocket serve",
        "freehold.cli.pocket_serve:command",
        "Run a home that speaks a vendor's protocol, or a whole estate of them.",
    ),
    Row("pocket faults", "freehold.cli.pocket_faults:command", "List what a fault script can break."),
    # settings
    Row("config explain", "freehold.cli.config_explain:command", "Explain one setting, or all of them."),
    Row("config schema", "freehold.cli.config_schema:command", "Print the JSON schema of freehold.toml."),
)
