"""Two homes' answers to the same prompts, compared: agreement, refusals, latency, dollars. Pure.

Agreement is about what was said, by the strictest rule that fits: calls of tools by name and arguments, JSON
by value, short texts word by word, longer ones by the words they share. It knows nothing of meaning, so it is
a floor for how well the stand-in does, and far from it where a question has many good answers.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any, Final

import msgspec

from freehold.types.conversation import Answer, Text, ToolUse
from freehold.watch.stats import (
    Interval,
    MeanInterval,
    mean_interval,
    median_interval,
    paired_difference,
    wilson,
)

WORDS_EXACT_MAX: Final = 12  # in texts up to this long every word counts
SHARED_MIN: Final = 0.7  # of the words of longer ones, as F1: the default of --agree-at
REFUSED: Final = frozenset({"refusal", "content_filter"})


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """One answer of one home."""

    answer: Answer | None  # None: it failed
    seconds: float = 0.0
    nano_usd: int | None = None
    why: str = ""

    @property
    def refused(self) -> bool:
        return self.answer is not None and self.answer.finish in REFUSED


class Pair(msgspec.Struct, frozen=True, kw_only=True):
    """Both homes on one prompt; `again` is the workload's own home a second time, where that was wanted."""

    prompt: int
    own: Asked
    other: Asked
    again: Asked | None = None
    expected: str | None = None


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """One home by itself."""

    home: str
    model: str | None
    answered: int
    failed: int
    whys: dict[str, int]
    refusals: Interval
    right: Interval | None  # of the prompts whose right answer is known
    seconds_p50: float | None
    seconds_p95: float | None
    usd_per_answer: MeanInterval | None  # None: a price or a usage is not known
    cost_unknown: int


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    own: Side
    other: Side
    pairs: int  # prompts that both answered
    agreement: Interval
    with_itself: Interval | None  # how far the workload's own home agrees with itself: the most to expect
    refusals_more: MeanInterval  # of the stand-in, beyond the own home's; paired
    right_more: MeanInterval | None
    seconds_more: MeanInterval | None  # the median of the paired differences
    usd_more: MeanInterval | None
    disagreed: tuple[int, ...]  # lines of the first prompts on which they did

    @property
    def quality(self) -> float | None:
        """What the estate is told: the lower bound, in hundredths. None: nothing was compared."""
        return None if self.agreement.rate is None else int(self.agreement.low * 100) / 100


DISAGREED_MAX: Final = 20


def compare(
    own: tuple[str, str | None], other: tuple[str, str | None], pairs: Sequence[Pair], shared_min: float
) -> Compared:
    """`own` and `other`: home and model."""
    both = [one for one in pairs if one.own.answer is not None and one.other.answer is not None]
    agreed = [agree(one.own.answer, one.other.answer, shared_min) for one in both]
    again = [agree(one.own.answer, one.again.answer, shared_min) for one in pairs if one.again is not None]
    known = [one for one in both if one.expected is not None]
    paid = [(one.own.nano_usd, one.other.nano_usd) for one in both]
    dollars = [(b - a) / 1e9 for a, b in paid if a is not None and b is not None]
    return Compared(
        own=_side(own, [one.own for one in pairs], pairs),
        other=_side(other, [one.other for one in pairs], pairs),
        pairs=len(both), agreement=wilson(sum(agreed), len(agreed)),
        with_itself=wilson(sum(again), len(again)) if again else None,
        refusals_more=_more(both, lambda asked, pair: asked.refused),
        right_more=_more(known, right) if known else None,
        seconds_more=median_interval([one.other.seconds - one.own.seconds for one in both]),
        usd_more=mean_interval(dollars) if len(dollars) == len(both) else None,
        disagreed=tuple(
            one.prompt for one, same in zip(both, agreed, strict=True) if not same
        )[:DISAGREED_MAX],
    )  # fmt: skip


def _more(pairs: Sequence[Pair], says: Callable[[Asked, Pair], bool]) -> MeanInterval:
    only_own = sum(says(one.own, one) and not says(one.other, one) for one in pairs)
    only_other = sum(says(one.other, one) and not says(one.own, one) for one in pairs)
    return paired_difference(only_other, only_own, len(pairs))


def _side(who: tuple[str, str | None], asked: Sequence[Asked], pairs: Sequence[Pair]) -> Side:
    answered = [one for one in asked if one.answer is not None]
    seconds = sorted(one.seconds for one in answered)
    dollars = [one.nano_usd / 1e9 for one in answered if one.nano_usd is not None]
    known = [
        right(one, pair)
        for one, pair in zip(asked, pairs, strict=True)
        if pair.expected is not None and one.answer is not None
    ]
    return Side(
        home=who[0], model=who[1], answered=len(answered), failed=len(asked) - len(answered),
        whys=dict(Counter(one.why for one in asked if one.why).most_common(3)),
        refusals=wilson(sum(one.refused for one in answered), len(answered)),
        right=wilson(sum(known), len(known)) if known else None,
        seconds_p50=median(seconds) if seconds else None,
        seconds_p95=seconds[int(0.95 * (len(seconds) - 1))] if seconds else None,
        usd_per_answer=mean_interval(dollars) if answered and len(dollars) == len(answered) else None,
        cost_unknown=len(answered) - len(dollars),
    )  # fmt: skip


# --- do two answers say the same? ---


def agree(one: Answer | None, other: Answer | None, shared_min: float = SHARED_MIN) -> bool:
    if one is None or other is None:
        return False
    if (one.finish in REFUSED) != (other.finish in REFUSED):
        return False
    if one.finish in REFUSED:
        return True  # both refused, in whatever words
    calls, others = calls_of(one), calls_of(other)
    if calls or others:
        return calls == others
    return same_text(text_of(one), text_of(other), shared_min)


def right(asked: Asked, pair: Pair) -> bool:
    """Does the answer say what is expected, and perhaps more?"""
    if asked.answer is None or pair.expected is None:
        return False
    wanted = words_of(pair.expected)
    said = words_of(text_of(asked.answer))
    return any(said[at : at + len(wanted)] == wanted for at in range(len(said) - len(wanted) + 1))


def text_of(answer: Answer) -> str:
    return "".join(block.text for block in answer.blocks if isinstance(block, Text))


def calls_of(answer: Answer) -> list[tuple[str, Any]]:
    """Tools in any order, arguments by value."""
    found = [(block.name, _value(block.input_json)) for block in answer.blocks if isinstance(block, ToolUse)]
    return sorted(found, key=lambda one: (one[0], msgspec.json.encode(one[1], order="sorted")))


def same_text(one: str, other: str, shared_min: float) -> bool:
    value, another = _value(one), _value(other)
    if isinstance(value, dict | list) or isinstance(another, dict | list):
        return bool(value == another)
    words, others = words_of(one), words_of(other)
    if min(len(words), len(others)) <= WORDS_EXACT_MAX:
        return words == others
    return shared(words, others) >= shared_min


def shared(words: Sequence[str], others: Sequence[str]) -> float:
    """F1 of the words as bags: 1 where both say the same words as often."""
    common = sum((Counter(words) & Counter(others)).values())
    return 2 * common / (len(words) + len(others)) if words or others else 1.0


def words_of(text: str) -> list[str]:
    """Without case, punctuation and marks of form."""
    return re.findall(r"\w+", unicodedata.normalize("NFKC", text).casefold())


def _value(text: str) -> Any:
    """What JSON says; the text itself where it is none. A fence around it is form."""
    inner = re.fullmatch(r"\s*```(?:json)?\s*\n(.*?)\n\s*```\s*", text, re.DOTALL)
    try:
        return msgspec.json.decode(inner[1] if inner else text)
    except (msgspec.DecodeError, UnicodeError):
        return text
