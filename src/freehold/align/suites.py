"""Running the evaluations of others through any sampler, and scoring what comes back.

What a model cannot take (too long for it, no log-probabilities) is left out and said so; it is never a
pass. That an answer declines is read by a string rule, which is rough; the answers are kept for a better
judge.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, TypeVar, runtime_checkable

import msgspec

from freehold.align.judge import declines
from freehold.align.outside import Behaviour, Question, read_harmbench, read_hhh, read_xstest
from freehold.align.recipe import EvaluateSection
from freehold.pocket.lm.marks import talk
from freehold.types.contracts import Sampler
from freehold.types.conversation import Conversation
from freehold.types.sampling import NotSupported, SampleRequest, ScoreRequest
from freehold.watch.runlog import Answered, Rate
from freehold.watch.stats import wilson

MODE = "outside"
T = TypeVar("T", Question, Behaviour)


@runtime_checkable
class Bounded(Protocol):
    """A sampler that can say beforehand what is too long for it."""

    def fits(self, conversation: Conversation, tokens_max: int) -> bool: ...


class Result(msgspec.Struct, frozen=True, kw_only=True):
    rates: dict[str, Rate] = {}
    answers: tuple[Answered, ...] = ()
    notes: tuple[str, ...] = ()

    def plus(self, other: Result) -> Result:
        return Result(
            rates=self.rates | other.rates,
            answers=self.answers + other.answers,
            notes=self.notes + other.notes,
        )


async def run_suites(sampler: Sampler, how: EvaluateSection, folder: Path) -> Result:
    """Every suite that is named; nothing if none is."""
    result = Result()
    if how.hhh:
        result = result.plus(await comparisons(sampler, _first(read_hhh(folder / how.hhh), how)))
    for name, file, reader in (
        ("xstest", how.xstest, read_xstest),
        ("harmbench", how.harmbench, read_harmbench),
    ):
        if file:
            items = _first(reader(folder / file), how)
            result = result.plus(await behaviours(sampler, name, items, how.tokens_max))
    return result


async def comparisons(sampler: Sampler, questions: Sequence[Question]) -> Result:
    """How often the right continuation is the likeliest."""
    fitting = [one for one in questions if _fits(sampler, one.asked, 16)]
    found = await sampler.score(
        [ScoreRequest(conversation=talk(one.asked), continuations=(one.right, *one.wrong)) for one in fitting]
    )
    if isinstance(found, NotSupported):
        return Result(notes=(f"hhh: not run, {found.why}",))
    right = [max(range(len(row)), key=lambda n: row[n]) == 0 for row in found.logprobs]
    return Result(rates={"hhh/accuracy": _rate(right)}, notes=_left_out("hhh", len(questions) - len(fitting)))


async def behaviours(sampler: Sampler, name: str, items: Sequence[Behaviour], tokens_max: int) -> Result:
    """What is declined of what should be, and of what should not."""
    fitting = [one for one in items if _fits(sampler, one.asked, tokens_max)]
    samples = await sampler.sample(
        [
            SampleRequest(conversation=talk(one.asked), max_tokens=tokens_max, temperature=0.0)
            for one in fitting
        ]
    )
    declined = [declines(one.text) for one in samples]
    rates = {}
    for key, wanted in (("declines_unsafe", True), ("declines_safe", False)):
        seen = [no for no, one in zip(declined, fitting, strict=True) if one.should_decline is wanted]
        if any(one.should_decline is wanted for one in items):
            rates[f"{name}/{key}"] = _rate(seen)
    answers = tuple(
        Answered(
            prompt=one.id,
            mode=MODE,
            classed="harmful" if one.should_decline else "outside",
            asked=one.asked,
            answer=sample.text,
            outcome="refuse" if no else "comply",
        )
        for one, sample, no in zip(fitting, samples, declined, strict=True)
    )
    return Result(rates=rates, answers=answers, notes=_left_out(name, len(items) - len(fitting)))


def _first(items: list[T], how: EvaluateSection) -> list[T]:
    return items[: how.outside_max] if how.outside_max else items


def _fits(sampler: Sampler, asked: str, tokens_max: int) -> bool:
    return not isinstance(sampler, Bounded) or sampler.fits(talk(asked), tokens_max)


def _left_out(name: str, count: int) -> tuple[str, ...]:
    return (f"{name}: {count} left out, longer than this model reads",) if count else ()


def _rate(outcomes: Sequence[bool]) -> Rate:
    found = wilson(sum(outcomes), len(outcomes))
    return Rate(rate=found.rate, low=found.low, high=found.high, n=found.n)
