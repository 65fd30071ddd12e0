"""How the attest commands show a result to a person: every check, its outcome and its reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from freehold.seal.attest import Check, Result
    from freehold.seal.attest.inventory import Item

COLOURS = {"pass": "green", "fail": "red", "not checked": "yellow"}


def show_result(result: Result, receipt: str | None) -> str:
    from freehold.seal.attest.times import show_time

    lines = []
    for part in result.parts:
        model = part.claims.get("hwmodel")
        lines.append(f"{part.source}: {part.kind}{f', {model}' if model else ''} ({part.tier} if it passes)")
        lines += [_line(check) for check in part.checks]
        lines += [f"  {'level':<12} {level.layer}: {level.status}" for level in part.levels]
        lines += [f"  {'noted':<12} {note}" for note in part.notes]
    if result.checks:
        lines.append("the whole set")
        lines += [_line(check) for check in result.checks]
    lines.append(_verdict(result) + f", judged as of {show_time(result.at_s)}")
    if receipt:
        lines.append(f"recorded as {receipt}")
    return "\n".join(lines)


def _line(check: Check) -> str:
    return f"  {click.style(f'{check.outcome:<12}', fg=COLOURS[check.outcome])} {check.name}: {check.why}"


def _verdict(result: Result) -> str:
    waived = [name for name in result.unchecked if name.rpartition(":")[2] in result.waived]
    open_ = [name for name in result.unchecked if name not in waived]
    said = [f"{len(result.failed)} failed ({', '.join(result.failed)})"] if result.failed else []
    said += [f"{len(open_)} not checked ({', '.join(open_)})"] if open_ else []
    said += [f"{len(waived)} waived by the policy ({', '.join(waived)})"] if waived else []
    if result.passed:
        return "; ".join([f"accepted as {result.tier}", *said])
    return "refused: " + "; ".join(said)


def refusal(name: str, what: str) -> str:
    outcome = click.style(f"{'fail':<12}", fg=COLOURS["fail"])
    return f"{name}: not evidence\n  {outcome} {what}\nrefused"


def show_items(items: tuple[Item, ...], at_s: int) -> str:
    """A folder of collateral as a table: what, until when, and whether its signature holds."""
    from freehold.seal.attest.times import show_time

    lines = []
    for item in items:
        until = "no end" if item.until_s is None else f"until {show_time(item.until_s)}"
        late = "" if item.current(at_s) else click.style(" (not current)", fg="red")
        outcome = click.style(f"{item.standing:<12}", fg=COLOURS[item.standing])
        lines.append(f"{outcome} {item.name}: {item.role} {item.about}, {until}{late}; {item.why}")
    return "\n".join(lines)
