"""freehold catalog import"""

from __future__ import annotations

from pathlib import Path

import click

from freehold.cli.output import emit_json, json_option

FILE_BYTES_MAX = 100_000_000


@click.command()
@click.argument("file")
@json_option
@click.option(
    "--as", "form", type=click.Choice(["skypilot", "litellm"]), required=True, help="Whose layout it has."
)
@click.option("--vendor", help="The cloud that a SkyPilot table is of.")
@click.option("--source", default=None, help="Who says so.  [default: the file's name]")
@click.option(
    "--as-of", "as_of", default=None, metavar="DATE", help="As of when.  [default: no date is made up]"
)
@click.option(
    "-o", "--output", default="catalog.toml", show_default=True, metavar="FILE", help="Where to write."
)
@click.option("--force", is_flag=True, help="Replace a file that is already there.")
def command(
    file: str, as_json: bool, form: str, vendor: str | None, source: str | None, as_of: str | None,
    output: str, force: bool,
) -> None:  # fmt: skip
    """Read somebody's price list into a catalog file of your own, refusing what cannot be true.

    Name the file in freehold.toml: [estate] catalog = "catalog.toml".
    """
    from freehold.cli.init import write_new
    from freehold.cli.show import say
    from freehold.errors import UsageError
    from freehold.estate.catalog import load
    from freehold.estate.catalog.readers import litellm, skypilot
    from freehold.estate.catalog.write import to_toml

    if as_of is None:
        raise UsageError(
            "the list's date is not given", code="cli.no-date",
            why="a price without a date cannot be called old",
            fix="add --as-of with the day on which it was published, such as --as-of 2026-11-01",
        )  # fmt: skip
    if form == "skypilot" and vendor is None:
        raise UsageError(
            "a SkyPilot table does not say which cloud it is of", why="each cloud has its own vms.csv",
            fix="add --vendor, such as --vendor aws", code="cli.no-vendor",
        )  # fmt: skip
    text = _text(Path(file))
    catalog = load()
    read = skypilot(text, vendor or "", catalog) if form == "skypilot" else litellm(text, catalog)
    origin = {"source": source or Path(file).name, "as_of": as_of, "status": "reported"}
    write_new(Path(output), to_toml(read.section, read.entries, origin), replace=force)
    if as_json:
        emit_json(
            "catalog-import/1",
            {
                "written": output, "section": read.section, "entries": len(read.entries),
                "refused": read.problems, "passed_over": read.passed_over,
            },
        )  # fmt: skip
        return
    for problem in read.problems:
        click.echo(problem.render(file), err=True)
    for reason, count in sorted(read.passed_over.items()):
        click.echo(f"passed over {count}: {reason}", err=True)
    suspect = sum(1 for entry in read.entries if entry.get("suspect"))
    say(
        f"wrote {output}: {len(read.entries)} {read.section}"
        + (f", {suspect} of them suspect" if suspect else "")
        + f"; {len(read.problems)} figures or rows refused"
    )


def _text(path: Path) -> str:
    from freehold.errors import InputError

    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            raise InputError(
                f"{str(path)!r} is too large", why=f"at most {FILE_BYTES_MAX} bytes are read", fix="split it",
                code="catalog.too-large",
            )  # fmt: skip
        return path.read_bytes().decode()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"{str(path)!r} cannot be read",
            why=getattr(error, "strerror", None) or "it is not text in UTF-8",
            fix="name a file that you can read",
            code="catalog.unreadable",
        ) from error
