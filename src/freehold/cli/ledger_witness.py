"""freehold ledger witness"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import click

from freehold.cli.ledger_place import read_keys
from freehold.cli.output import emit_json, json_option
from freehold.errors import IntegrityError

if TYPE_CHECKING:
    from freehold.ledger.witness import Witness


@click.command()
@click.argument("path", required=False, type=click.Path(path_type=Path), metavar="[PATH]")
@click.option("--state", required=True, type=click.Path(path_type=Path), metavar="DIR",
              help="Where the witness keeps its key and what it saw.")  # fmt: skip
@click.option("--key", "keys", multiple=True, metavar="KEY",
              help="A log to watch: its verifier key, or a file that holds it.")  # fmt: skip
@click.option("--name", default="witness", show_default=True, help="The name that it signs with.")
@click.option("--serve", is_flag=True, help="Answer logs over HTTP instead of reading one at PATH.")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", default=4104, show_default=True, type=click.IntRange(0, 65535), help="0: a free one.")
@json_option
def command(
    path: Path | None, state: Path, keys: tuple[str, ...], name: str, serve: bool, host: str, port: int,
    as_json: bool,
) -> None:  # fmt: skip
    """Keep the last checkpoint of a ledger, and cosign only what extends it.

    With PATH (a ledger's folder) it looks once and prints the cosigned checkpoint; with neither PATH nor
    --serve it prints its own verifier key.
    """
    from freehold.clock import SystemClock
    from freehold.ledger.signer import FileSigner
    from freehold.ledger.witness import LOOPBACK, Witness

    key = state / "key.pem"
    state.mkdir(parents=True, exist_ok=True, mode=0o700)
    signer = FileSigner.load(name, key) if key.exists() else FileSigner.create(name, key)
    hosts = (*LOOPBACK, host) if host in LOOPBACK else ()
    witness = Witness(state, signer, read_keys(keys), SystemClock(), hosts)
    if serve:
        asyncio.run(_serve(witness, host, port))
    elif path is None:
        click.echo(str(witness.verifier))
    else:
        found = [_look(witness, folder) for folder in _folders(path)]
        if as_json:
            emit_json("ledger-witness/1", {"cosigned": found})
        else:
            click.echo("\n".join(found), nl=False)


def _folders(path: Path) -> list[Path]:
    from freehold.ledger.layout import writers_in

    return list(writers_in(path)) or [path]


def _look(witness: Witness, folder: Path) -> str:
    from freehold.ledger.files import FileReader
    from freehold.ledger.note import Note, Signature
    from freehold.ledger.proofs import submission_for

    reader = FileReader(folder)
    submission = submission_for(reader, witness.known(reader.origin))
    answer = witness.add(submission)
    if isinstance(answer, Signature):
        note = Note.parse(submission.note)
        return str(Note(text=note.text, signatures=(*note.signatures, answer)))
    raise IntegrityError(
        f"the witness does not cosign {reader.origin}: {answer.kind}", why=answer.why,
        fix="keep both checkpoints: together they prove it; the alarm is in the witness's folder",
        code="ledger.not-witnessed",
    )  # fmt: skip


async def _serve(witness: Witness, host: str, port: int) -> None:
    from freehold import wire
    from freehold.cli.serving import until_stopped

    server = await wire.serve(witness.handle, host, port)
    click.echo(f"witness {witness.verifier} listening on http://{host}:{wire.port_of(server)}")
    await until_stopped(server)
