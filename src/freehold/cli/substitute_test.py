"""freehold substitute test"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from freehold.cli.output import config_option, emit_json, json_option, person_watching
from freehold.errors import EXIT_FINDING, EXIT_OK, InputError, UnavailableError, nearest

if TYPE_CHECKING:
    from freehold.cli.substitutes.compare import Compared
    from freehold.cli.substitutes.needs import Needs
    from freehold.estate.model import Estate
    from freehold.types.homes import Home, Workload


@click.command()
@click.argument("workload")
@click.argument("home")
@click.option(
    "--prompts", required=True, type=click.Path(path_type=Path, dir_okay=False),
    help="One on each line, or a .jsonl file with prompts or requests.",
)  # fmt: skip
@click.option("--own", help="The home it is compared with.  [default: the workload's first]")
@click.option("--limit", type=click.IntRange(1), help="Ask the first so many.")
@click.option("--max-tokens", type=click.IntRange(1), default=1024, show_default=True, help="Of an answer.")
@click.option(
    "--agree-at", type=click.FloatRange(0, 1), default=0.7, show_default=True,
    help="The share of words that longer answers must have in common.",
)  # fmt: skip
@click.option("--again", is_flag=True, help="Ask the own home twice: how far does it agree with itself?")
@click.option("--write", "writes", is_flag=True, help="Write the quality into the estate's file.")
@config_option
@json_option
def command(
    workload: str, home: str, prompts: Path, own: str | None, limit: int | None, max_tokens: int,
    agree_at: float, again: bool, writes: bool, config: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Measure how well HOME stands in for WORKLOAD's own home: what it cannot do, agreement, refusals,
    latency and dollars per answer, with intervals.

    Both homes are asked every prompt, which costs what it costs. The quality is the lower bound of the
    agreement. Ends with 1 where HOME cannot do something that the workload uses.
    """
    from freehold.cli.loading import load_credentials, load_estate
    from freehold.cli.substitutes.needs import needs
    from freehold.cli.substitutes.prompts import read_prompts

    path = Path(config or "freehold.toml")
    estate = load_estate(config)
    before = path.read_text(encoding="utf-8")
    work, first, other = _cast(estate, workload, home, own)
    found = needs(estate, work, first, other, read_prompts(prompts)[:limit])
    if not found.asked:
        _print_needs(found, first, other)
        raise UnavailableError(
            f"{home} can be asked none of the prompts", why=found.cannot[0].what if found.cannot else "",
            fix="choose another home, or other prompts", code="cli.cannot-stand-in",
        )  # fmt: skip
    compared = _asked(found, first, other, load_credentials(config), max_tokens, agree_at, again)
    note = _note(compared)
    if as_json:
        emit_json("substitute-test/1", {
            "workload": workload, "own": first.id, "home": other.id, "cannot": found.cannot,
            "changes": found.changes, "compared": compared, "quality": compared.quality,
        })  # fmt: skip
    else:
        _print_needs(found, first, other)
        _print(compared)
    if compared.quality is None:
        raise UnavailableError(
            "no prompt was answered by both homes", why=_whys(compared), fix="see that both can be reached",
            code="cli.cannot-stand-in",
        )  # fmt: skip
    _keep(path, before, work, other, compared.quality, note, writes=writes, as_json=as_json)
    sys.exit(EXIT_FINDING if found.cannot else EXIT_OK)


def _cast(estate: Estate, workload: str, home: str, own: str | None) -> tuple[Workload, Home, Home]:
    from freehold.types.names import HomeId, WorkloadId

    work = estate.workloads.get(WorkloadId(workload))
    if work is None:
        raise _unknown("workload", workload, list(estate.workloads))
    if own is None and not work.homes:
        raise InputError(
            f"workload {workload!r} has no home of its own", why="there is nothing to compare with",
            fix="give it a home, or name one with --own", code="estate.unknown-home",
        )  # fmt: skip
    first = HomeId(own) if own is not None else work.homes[0]
    for name in (first, HomeId(home)):
        if name not in estate.homes or estate.homes[name].api is None:
            raise _unknown("home", name, [id for id, one in estate.homes.items() if one.api is not None])
    if first == home:
        raise InputError(
            f"{home} is the home it would be compared with", why="a home stands in for another one",
            fix="name another home, or another --own", code="cli.cannot-stand-in",
        )  # fmt: skip
    return work, estate.homes[first], estate.homes[HomeId(home)]


def _unknown(kind: str, name: str, known: list[Any]) -> InputError:
    close = nearest(name, known)
    return InputError(
        f"the estate has no {kind} {name!r}" + (" that can be called" if kind == "home" else ""),
        why=f"the closest is {close!r}" if close else f"it has {', '.join(known[:10]) or 'none'}",
        fix="name one of them",
        code="estate.unknown-workload" if kind == "workload" else "estate.unknown-home",
    )  # fmt: skip


def _asked(
    found: Needs, own: Home, other: Home, credentials: dict[Any, str], max_tokens: int, agree_at: float,
    again: bool,
) -> Compared:  # fmt: skip
    from freehold.cli.substitutes.ask import Asking, ask_all
    from freehold.cli.substitutes.compare import compare
    from freehold.clock import SystemClock

    clock = SystemClock()
    here, there = (Asking(one, credentials.get(one.id), clock) for one in (own, other))
    with _progress(len(found.asked)) as done:
        pairs = asyncio.run(ask_all(found.asked, here, there, max_tokens=max_tokens, again=again, done=done))
    return compare((own.id, own.model), (other.id, other.model), pairs, agree_at)


@contextmanager
def _progress(total: int) -> Iterator[Callable[[], object]]:
    if not person_watching():
        yield lambda: None
        return
    with click.progressbar(length=total, label="asking both homes", file=sys.stderr) as bar:
        yield lambda: bar.update(1)


def _note(compared: Compared) -> str:
    from freehold.cli.today import today

    one = compared.agreement
    if one.rate is None:
        return ""
    return (
        f"agreed on {one.rate:.0%} ({one.low:.0%} to {one.high:.0%}) of {one.n} prompts with "
        f"{compared.own.home}, {today().isoformat()}; the lower bound"
    )


def _keep(
    path: Path, before: str, workload: Workload, other: Home, quality: float, note: str, *, writes: bool,
    as_json: bool,
) -> None:  # fmt: skip
    from freehold.cli.show import say
    from freehold.cli.substitutes.edit import lines_to_add, with_quality, write

    edited = with_quality(before, workload.id, other.id, quality, note)
    if writes and edited is not None:
        write(path, before, edited)
        click.echo(f"wrote quality = {quality} of {other.id} into {path}", err=True)
    elif not as_json:
        if writes:
            click.echo(f"{path} cannot be edited without touching more of it; add this by hand:", err=True)
        say(f"\nits stated quality, for {path} (--write puts it there):\n")
        say(lines_to_add(workload.id, other.id, quality, note))
    if not workload.policy.substitution:
        click.echo(
            f"policy {workload.policy.id} does not let substitutes stand in: substitution = true does",
            err=True,
        )


def _print_needs(found: Needs, own: Home, other: Home) -> None:
    from freehold.cli.show import say

    if not found.cannot:
        say(f"{other.id} can do all that the prompts and the workload use")
    for one in found.cannot:
        count = "" if one.prompts is None else f" ({one.prompts} prompts, not asked)"
        say(f"{other.id} cannot: {one.what}{count}")
    for one in found.changes:
        say(f"asked differently than at {own.id}: {one.what} ({one.prompts} prompts)")


def _print(compared: Compared) -> None:
    from freehold.cli.show import say, table
    from freehold.cli.substitutes.words import cells, lines

    say("")
    table(("", *(f"{one.home} ({one.model})" for one in (compared.own, compared.other))), cells(compared))
    say("")
    for line in lines(compared):
        say(line)


def _whys(compared: Compared) -> str:
    found = [*compared.own.whys, *compared.other.whys]
    return ", ".join(dict.fromkeys(found)) or "nothing came back"
