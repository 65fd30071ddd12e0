"""freehold constitution import"""

from __future__ import annotations

from pathlib import Path

import click

FILE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.argument("critiques", type=FILE)
@click.option("--comparisons", type=FILE, help="A JSON list of comparison questions.")
@click.option("--name", default="imported", show_default=True, help="What to call it.")
@click.option("--out", type=FILE, help="Write it here.  [default: stdout]")
def command(critiques: Path, comparisons: Path | None, name: str, out: Path | None) -> None:
    """Read published principles (JSON of critique and revision requests) as a constitution."""
    from freehold.align.published import as_toml, read_published
    from freehold.errors import RefusedError

    text = as_toml(read_published(critiques, comparisons, name))
    if out is None:
        click.echo(text, nl=False)
        return
    if out.exists():
        raise RefusedError(
            f"{out} exists already", why="what you wrote is not replaced", fix="name another file with --out",
            code="cli.file-exists",
        )  # fmt: skip
    out.write_text(text, encoding="utf-8")
    click.echo(f"wrote {out}", err=True)
