"""The options by which the key commands are told what a key may do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

from freehold.clock import SystemClock
from freehold.errors import UsageError

F = TypeVar("F", bound=Callable[..., Any])
_DOLLARS = ("budget", "budget_per_day", "budget_per_month")


def limit_options(command: F) -> F:
    for option in reversed((
        click.option("--workload", "workloads", multiple=True, help="What it may call.  [default: all]"),
        click.option("--expires", metavar="DURATION", help="For how long it is good, such as 90d."),
        click.option("--requests-per-min", type=click.IntRange(1), help="Calls in each minute."),
        click.option("--tokens-per-min", type=click.IntRange(1), help="Tokens in each minute, both ways."),
        click.option("--concurrency", type=click.IntRange(1), help="Calls at once."),
        click.option("--budget", metavar="USD", help="Dollars in all."),
        click.option("--budget-per-day", metavar="USD", help="Dollars in each day (UTC)."),
        click.option("--budget-per-month", metavar="USD", help="Dollars in each month (UTC)."),
        click.option("--tag", "tags", multiple=True, metavar="NAME=VALUE", help="For its calls' records."),
    )):  # fmt: skip
        command = option(command)
    return command


def amounts(given: Mapping[str, object]) -> dict[str, object]:
    """The limits as fields of a key: dollars in nano-dollars."""
    found: dict[str, object] = {}
    for name, value in given.items():
        if name in _DOLLARS:
            found[f"{name}_nano_usd"] = None if value is None else dollars(str(value))
        else:
            found[name] = value
    return found


def dollars(text: str) -> int:
    from freehold.config import Usd

    return Usd(text.removeprefix("$")).nano


def tags_of(given: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for one in given:
        name, equals, value = one.partition("=")
        if not (name and equals and value):
            raise UsageError(
                f"{one!r} is no tag", why="a tag is NAME=VALUE", fix="write it as team=search",
                code="gateway.bad-tag",
            )  # fmt: skip
        found[name] = value
    return found


def expiry(text: str | None) -> int | None:
    if text is None:
        return None
    from freehold.config import Duration

    seconds = Duration(text).seconds
    if seconds <= 0:
        raise UsageError(
            "a key that expires at once is no key", why=f"--expires is {text}",
            fix="give a time, such as 90d", code="gateway.expired-key",
        )  # fmt: skip
    return SystemClock().now_ns() + round(seconds * 1e9)
