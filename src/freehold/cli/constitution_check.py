"""freehold constitution check"""

from __future__ import annotations

from pathlib import Path

import click

from freehold.cli.output import emit_json, json_option


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@json_option
def command(file: Path, as_json: bool) -> None:
    """Find every hole in a constitution at once, and print its digest and who has signed it."""
    from freehold.align.constitution import read_constitution
    from freehold.align.signing import read_signatures, valid_signers

    found = read_constitution(file)
    agreed = valid_signers(read_signatures(file), found.signers, found.digest)
    if as_json:
        data = {
            "name": found.head.name, "version": found.head.version, "digest": found.digest,
            "principles": len(found.principles), "signed_by": agreed, "threshold": found.signers.threshold,
        }  # fmt: skip
        emit_json("constitution-check/1", data)
        return
    click.echo(f"{found.head.name} {found.head.version}: {len(found.principles)} principles, no holes")
    click.echo(f"digest {found.digest}")
    if found.signers.threshold:
        click.echo(
            f"signed by {len(agreed)} of {found.signers.threshold} wanted: {', '.join(agreed) or 'nobody'}"
        )
