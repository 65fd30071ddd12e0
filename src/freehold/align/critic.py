"""AI feedback: how sure the model is that an answer holds, read from the logits of a verdict.

Pointwise: after "The response", how likely is the word for *holds* against the words for a fault, averaged
over drawn principles. Compare: which of two answers is better, asked in both orders, so that a liking for A
or B falls out. Where a home gives no log-probabilities, the verdict is sampled several times instead, and
marked so.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

from freehold.align.constitution import Principle
from freehold.align.recipe import FeedbackSection
from freehold.align.work import Run
from freehold.errors import InputError
from freehold.pocket.lm.marks import asked_to_compare, talk
from freehold.types.contracts import Sampler
from freehold.types.sampling import NotSupported, SampleRequest, ScoreRequest, Scores

NONSENSE_SHARE_MAX = 0.5
VERDICT_TOKENS_MAX = 8


class Opinion(msgspec.Struct, frozen=True, kw_only=True):
    """What the critic thinks of one answer: a logit (above 0: it holds), None where it talked nonsense."""

    score: float | None
    principles: tuple[str, ...]
    sampled: bool = False  # counted from samples, not read from log-probabilities


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """One answer and the principles to judge it by."""

    asked: str
    answer: str
    principles: tuple[tuple[str, Principle], ...]


def pointwise(run: Run, sampler: Sampler, asks: Sequence[Ask], role: str) -> list[Opinion]:
    """The mean, over each ask's principles, of log P(good) - log P(bad)."""
    how = run.recipe.feedback
    items = [
        ScoreRequest(
            conversation=talk(ask.asked, ask.answer, f"CritiqueRequest: {principle.critique}", how.prefix),
            continuations=(how.good, *how.bad),
        )
        for ask in asks
        for _, principle in ask.principles
    ]
    found = run.scores(sampler, items, role)
    if isinstance(found, NotSupported):
        return _sampled(run, sampler, asks, role)
    gaps = iter(verdict_logit(row) for row in found.logprobs)
    return [
        Opinion(
            score=sum(next(gaps) for _ in ask.principles) / len(ask.principles),
            principles=tuple(name for name, _ in ask.principles),
        )
        for ask in asks
    ]


def verdict_logit(row: Sequence[float]) -> float:
    """log P(good) - log P(any of the bad words)."""
    good, *bad = row
    top = max(bad)
    return good - (top + math.log(sum(math.exp(one - top) for one in bad)))


def _sampled(run: Run, sampler: Sampler, asks: Sequence[Ask], role: str) -> list[Opinion]:
    """Verdicts counted from samples: coarser, and all that a home without log-probabilities allows."""
    how = run.recipe.feedback
    requests = [
        SampleRequest(
            conversation=talk(ask.asked, ask.answer, f"CritiqueRequest: {principle.critique}", how.prefix),
            max_tokens=VERDICT_TOKENS_MAX, temperature=1.0, seed=run.seed("vote", ask.asked, name, vote),
        )
        for ask in asks
        for name, principle in ask.principles
        for vote in range(how.votes)
    ]  # fmt: skip
    texts = iter(sample.text for sample in run.ask(sampler, requests, role))
    opinions = []
    for ask in asks:
        votes = [vote_of(next(texts), how) for _ in range(len(ask.principles) * how.votes)]
        names = tuple(name for name, _ in ask.principles)
        opinions.append(
            Opinion(
                score=_logit_of([vote for vote in votes if vote is not None]), principles=names, sampled=True
            )
        )
    refuse_nonsense(opinions)
    return opinions


def vote_of(text: str, how: FeedbackSection) -> bool | None:
    """The first verdict word in what was said; None if there is none."""
    for word in text.replace(":", " ").replace(".", " ").split():
        if word == how.good:
            return True
        if word in how.bad:
            return False
    return None


def _logit_of(votes: Sequence[bool]) -> float | None:
    """Votes as a logit, with half a vote for each side so that it stays finite."""
    if not votes:
        return None
    return math.log((sum(votes) + 0.5) / (len(votes) - sum(votes) + 0.5))


def refuse_nonsense(opinions: Sequence[Opinion]) -> None:
    """A judge that mostly cannot be read is no judge."""
    lost = sum(opinion.score is None for opinion in opinions)
    if opinions and lost > NONSENSE_SHARE_MAX * len(opinions):
        raise InputError(
            f"the critic's verdicts cannot be read in {lost} of {len(opinions)} cases",
            why="it uses none of the verdict words of the recipe",
            fix="set [feedback] prefix, good and bad to words this model uses",
            code="align.judge-nonsense",
        )


class Preference(msgspec.Struct, frozen=True, kw_only=True):
    """How likely the first answer is the better one; the logit in each order it was asked in."""

    label: float
    given_order: float
    swapped: float


def compare(
    run: Run, sampler: Sampler, pairs: Sequence[tuple[str, str, str, Principle]], role: str
) -> list[Preference]:
    """Both orders of (asked, one, two) under a principle's comparison question."""
    how = run.recipe.feedback
    items = [
        ScoreRequest(
            conversation=asked_to_compare(asked, f"{question(principle)} {how.first}: {a} {how.second}: {b}"),
            continuations=(how.first, how.second),
        )
        for asked, one, two, principle in pairs
        for a, b in ((one, two), (two, one))
    ]
    found = run.scores(sampler, items, role)
    if isinstance(found, NotSupported):
        raise InputError(
            "comparisons need log-probabilities, and this home gives none",
            why=found.why,
            fix='use [feedback] method = "pointwise", which can count samples instead',
            code="align.no-logprobs",
        )
    return [_preference(found, place) for place in range(len(pairs))]


def _preference(found: Scores, place: int) -> Preference:
    given = found.logprobs[2 * place][0] - found.logprobs[2 * place][1]
    swapped = found.logprobs[2 * place + 1][1] - found.logprobs[2 * place + 1][0]
    return Preference(label=sigmoid((given + swapped) / 2), given_order=given, swapped=swapped)


def question(principle: Principle) -> str:
    return principle.comparison or "Which response is better?"


def soft_label(score_one: float, score_two: float, how: FeedbackSection) -> float:
    """From two logits to the probability that the first is better, never surer than the clamp."""
    chance = sigmoid((score_one - score_two) / how.softness)
    return clamped(chance, how)


def clamped(chance: float, how: FeedbackSection) -> float:
    if how.hard:
        return 1.0 if chance >= 0.5 else 0.0
    return min(how.clamp, max(1 - how.clamp, chance))


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))
