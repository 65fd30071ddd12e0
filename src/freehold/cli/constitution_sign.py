"""freehold constitution sign"""

from __future__ import annotations

from pathlib import Path

import click

from freehold.cli.output import emit_json, json_option
from freehold.cli.up import state_folder

FILE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.argument("file", type=FILE)
@click.option("--key", required=True, type=FILE, help="Your Ed25519 key file; made if it is not there.")
@click.option(
    "--as", "who", required=True, metavar="NAME", help="The signer you are, as the constitution lists you."
)
@click.option("--why", required=True, help="Why you agree; it goes into the record.")
@click.option("--before", type=FILE, help="The version it replaces; its signers decide.")
@json_option
def command(file: Path, key: Path, who: str, why: str, before: Path | None, as_json: bool) -> None:
    """Sign a constitution as one of its signers. The record names who, why, and both digests."""
    from freehold.align.constitution import read_constitution
    from freehold.align.signing import sign, valid_signers
    from freehold.clock import SystemClock
    from freehold.ledger import FileSigner, PlainRecorder

    found = read_constitution(file)
    old = read_constitution(before) if before else None
    signer = FileSigner.load(who, key) if key.exists() else FileSigner.create(who, key)
    signatures, record = sign(file, found, signer, who, why, SystemClock(), before=old)
    recorder = PlainRecorder(state_folder() / "records.jsonl")
    try:
        recorder.record(record)
    finally:
        recorder.close()
    rule = (old or found).signers
    agreed = valid_signers(signatures, rule, found.digest)
    if as_json:
        emit_json(
            "constitution-sign/1", {"digest": found.digest, "signed_by": agreed, "threshold": rule.threshold}
        )
    else:
        click.echo(f"signed {found.digest}: {len(agreed)} of {rule.threshold} wanted ({', '.join(agreed)})")
