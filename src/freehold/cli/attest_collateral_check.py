"""`freehold attest collateral check`: is this collateral genuine, whole, current, no older than before?"""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from freehold.cli.attest_files import find_policy, parse_at_s, read_folder, remember, remembered
from freehold.cli.attest_output import show_items
from freehold.cli.output import config_option, emit_json, json_option
from freehold.errors import EXIT_FINDING, EXIT_OK


@click.command()
@click.argument("folder", metavar="DIR")
@click.option("--policy", default="default", show_default=True, help="A policy's name or a TOML file.")
@click.option("--at", default=None, metavar="TIME", help="As of this time.  [default: now]")
@config_option
@json_option
def command(folder: str, policy: str, at: str | None, config: str | None, *, as_json: bool) -> int:
    """Check signatures, windows and version of collateral, and remember the version.

    The exit code is 1 where a signature does not hold, something has ended, or the policy does not know the
    pack's key.
    """
    from freehold.seal.attest.inventory import inventory_of
    from freehold.seal.attest.pack import seen_after
    from freehold.seal.attest.verify import pack_check

    at_s, files, rules = parse_at_s(at), read_folder(Path(folder)), find_policy(policy, config)
    collateral, items = inventory_of(files, at_s=at_s, policy=rules)
    wrong = [item for item in items if item.standing == "fail" or not item.current(at_s)]
    pack = pack_check(collateral, rules, at_s)
    good = not wrong and (pack is None or pack.outcome == "pass")
    if pack is None or pack.outcome != "fail":
        remember(seen_after(remembered(), files))
    if as_json:
        data = {"passed": good, "pack": pack, "items": items}
        emit_json("attest.collateral.check/1", msgspec.to_builtins(data))
    else:
        click.echo(show_items(items, at_s))
        if pack is not None:
            click.echo(f"pack: {pack.outcome}: {pack.why}")
        click.echo("good" if good else f"not good: {len(wrong)} of {len(items)} pieces, or the pack itself")
    return EXIT_OK if good else EXIT_FINDING
