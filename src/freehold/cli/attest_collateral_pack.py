"""`freehold attest collateral pack`: gather collateral into one signed, versioned folder."""

from __future__ import annotations

from pathlib import Path

import click

from freehold.cli.attest_files import parse_at_s, read_file, read_folder, write_file
from freehold.cli.output import emit_json, json_option
from freehold.errors import UsageError


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option(
    "--out", "out", required=True, metavar="DIR", help="The pack's folder, new or with an older version."
)
@click.option("--signing-key", required=True, metavar="FILE", help="An Ed25519 key file (PKCS#8, PEM).")
@click.option("--name", default="collateral", show_default=True, help="The pack's name.")
@click.option("--at", default=None, metavar="TIME", help="When it was gathered.  [default: now]")
@json_option
def command(
    files: tuple[str, ...], out: str, signing_key: str, name: str, at: str | None, *, as_json: bool
) -> None:
    """Gather certificates, lists, tables, references and key sets into one signed, versioned folder.

    Where DIR holds an older version, the new one counts up from it, and refuses to carry anything older.
    """
    from freehold.ledger import FileSigner
    from freehold.seal.attest.pack import LIST_NAME, SIGNATURE_NAME, make_pack, pieces_of, read_listing

    content = {Path(each).name: read_file(Path(each)) for each in files}
    if len(content) != len(files):
        raise UsageError(
            "two files have the same name",
            why="a pack is one folder",
            fix="rename one",
            code="seal.pack-broken",
        )
    pieces_of(content)  # everything must be something we recognise
    folder = Path(out)
    previous = read_folder(folder) if (folder / LIST_NAME).exists() else None
    signer = FileSigner.load(name, Path(signing_key))
    packed = make_pack(content, signer, name=name, at_s=parse_at_s(at), previous=previous)
    for each, data in sorted(packed.items(), key=lambda pair: pair[0] in (LIST_NAME, SIGNATURE_NAME)):
        write_file(folder / each, data)
    for stale in set(previous or {}) - set(packed):
        (folder / stale).unlink()
    listing = read_listing(packed)
    if as_json:
        emit_json(
            "attest.collateral.pack/1",
            {
                "name": listing.name,
                "version": listing.version,
                "files": len(listing.files),
                "key": listing.key,
            },
        )
    else:
        click.echo(f"{folder}: {listing.name} version {listing.version}, {len(listing.files)} files")
        click.echo(f'let a policy trust it with  collateral_keys = ["{listing.key}"]')
