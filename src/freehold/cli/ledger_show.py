"""freehold ledger show"""

from __future__ import annotations

from pathlib import Path

import click

from freehold.cli.ledger_place import ledger_option, ledger_root, reader_for
from freehold.cli.output import config_option, emit_json, json_option


@click.command()
@click.argument("name", metavar="ID")
@click.option(
    "--content", "tenant", default=None, metavar="TENANT", help="Open what was said, if it is kept."
)
@click.option("--why", is_flag=True, help="Make the choice of its homes again, from what was kept of it.")
@ledger_option
@config_option
@json_option
def command(
    name: str, tenant: str | None, why: bool, path: Path | None, config: str | None, as_json: bool
) -> None:
    """Print one record as it was stored."""
    import msgspec

    from freehold.ledger.receipt import read_fields, unknown_record

    reader, id = reader_for(path, config, name)
    seq = reader.find(id)
    if seq is None:
        raise unknown_record(id)
    leaf = next(reader.leaves(seq, seq + 1))
    if tenant is not None:
        _print_content(leaf, tenant, ledger_root(path, config))
        return
    if why:
        _print_choice(leaf, as_json)
        return
    if as_json:
        emit_json("ledger-record/1", {"writer": reader.writer, "record": read_fields(leaf)})
    else:
        click.echo(msgspec.json.format(leaf, indent=2))


def _print_content(leaf: bytes, tenant: str, root: Path) -> None:
    import msgspec

    from freehold.ledger import open_vault
    from freehold.types.records import CallRecord

    call, vault = msgspec.json.decode(leaf, type=CallRecord), open_vault(root)
    for part, content in (("request", call.request), ("response", call.response)):
        if content is None or content.key_name is None:
            click.echo(f"{part}: not kept", err=True)
        else:
            click.echo(vault.open(tenant, call.id, part, content))


def _print_choice(leaf: bytes, as_json: bool) -> None:
    """The order of homes, made again by the function that made it then."""
    import msgspec

    from freehold.errors import InputError
    from freehold.gateway.order import Basis, made_again
    from freehold.types.records import CallRecord

    call = msgspec.json.decode(leaf, type=CallRecord)
    if call.choice is None:
        raise InputError(
            f"record {call.id} does not hold what its homes were chosen from",
            why=f"it says: {call.why_home}" if call.why_home else "no home was chosen for it",
            fix="set [gateway.order] keep_basis = true, for calls from then on", code="ledger.no-choice",
        )  # fmt: skip
    choices = made_again(msgspec.convert(call.choice, Basis))
    if as_json:
        rows = [{"home": one.home, "why": one.why} for one in choices]
        emit_json("ledger-choice/1", {"record": call.id, "order": rows})
    else:
        for place, one in enumerate(choices, 1):
            click.echo(f"{place}. {one.home}: {one.why}")
