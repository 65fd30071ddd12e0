"""What a comparison says, in words. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from freehold.cli.substitutes.compare import Compared, Side
from freehold.watch.stats import Interval, MeanInterval


def cells(compared: Compared) -> list[tuple[str, str, str]]:
    sides = (compared.own, compared.other)
    rows = [
        ("answered", *(f"{one.answered}" for one in sides)),
        ("failed", *(_failed(one) for one in sides)),
        ("refused", *(rate(one.refusals) for one in sides)),
        ("seconds, half and 95 % within", *(_seconds(one) for one in sides)),
        ("dollars per answer", *(_dollars(one) for one in sides)),
    ]
    if compared.own.right is not None or compared.other.right is not None:
        rows.insert(3, ("right, where that is known", *(rate(one.right) for one in sides)))
    return [(row[0], row[1], row[2]) for row in rows]


def lines(compared: Compared) -> Iterator[str]:
    yield f"agreement: {rate(compared.agreement)} of {compared.pairs} prompts that both answered"
    if not compared.pairs:
        return
    if compared.with_itself is not None:
        yield f"{compared.own.home} with itself: {rate(compared.with_itself)}: the most to expect"
    yield f"refuses more often by {points(compared.refusals_more)}"
    if compared.right_more is not None:
        yield f"right more often by {points(compared.right_more)}"
    if compared.seconds_more is not None:
        longer = bounds(compared.seconds_more, "{:+.3f} s".format)
        yield f"takes longer by {longer}, the median of the differences"
    if compared.usd_more is not None:
        yield f"costs more by {bounds(compared.usd_more, signed_dollars)} an answer"
    else:
        yield "whether it costs more is not known: a price or a usage is missing"
    if compared.disagreed:
        yield f"disagreed on lines {', '.join(map(str, compared.disagreed))}"


def rate(one: Interval | None) -> str:
    if one is None or one.rate is None:
        return "unknown"
    return f"{one.rate:.1%} ({one.low:.1%} to {one.high:.1%})"


def points(one: MeanInterval) -> str:
    """A difference of shares, in points of a hundred."""
    if one.low is None or one.high is None:
        return f"{one.value * 100:+.1f} points"
    return f"{one.value * 100:+.1f} points ({one.low * 100:+.1f} to {one.high * 100:+.1f})"


def bounds(one: MeanInterval, form: Callable[[float], str]) -> str:
    if one.low is None or one.high is None:
        return f"{form(one.value)} (too few for an interval)"
    return f"{form(one.value)} ({form(one.low)} to {form(one.high)})"


def signed_dollars(value: float) -> str:
    return f"{'-' if value < 0 else '+'}${abs(value):.6f}"


def _failed(one: Side) -> str:
    why = ", ".join(f"{count} {name}" for name, count in one.whys.items())
    return f"{one.failed}" + (f": {why}" if why else "")


def _seconds(one: Side) -> str:
    if one.seconds_p50 is None or one.seconds_p95 is None:
        return "unknown"
    return f"{one.seconds_p50:.3f}, {one.seconds_p95:.3f}"


def _dollars(one: Side) -> str:
    if one.usd_per_answer is None:
        return "unknown"
    return bounds(one.usd_per_answer, "${:.6f}".format)
