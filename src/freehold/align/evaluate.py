"""What a checkpoint is like: rates with intervals, principle by principle, by a judge that is not the model.

Two ways of answering, greedy and at temperature 1. Beside the independent judge stands the critic, measured
on labelled probes and corrected for its errors: where no independent judge exists, that is all one would
have.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec
import torch.nn.functional as F

from freehold.align.critic import Ask, pointwise
from freehold.align.judge import Judgement, judge, verdicts
from freehold.align.probes import read_judge
from freehold.align.prompts import Prompt, world_prompts
from freehold.align.sampler import LocalSampler
from freehold.align.suites import run_suites
from freehold.align.train import chunks
from freehold.align.work import Run
from freehold.clock import ulid
from freehold.pocket.lm.marks import talk
from freehold.types.records import VerdictFacts, VerdictRecord
from freehold.types.sampling import SampleRequest
from freehold.watch.runlog import Answered, Evaluation, Rate
from freehold.watch.stats import corrected, wilson

MODES = {"greedy": 0.0, "t1": 1.0}
KL_ROWS = 32
EXACT_JUDGE = "pocket-exact-judge"


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One answer and what the independent judge made of it."""

    prompt: Prompt
    answer: str
    judgement: Judgement
    passes: dict[str, bool]


def evaluation_prompts(run: Run, per_class: int) -> list[Prompt]:
    """Held-out prompts of each class; without a world, the run's own prompts stand in, and it is said."""
    if run.recipe.run.model == "pocket" or any(prompt.request for prompt in run.prompts):
        classes = ("harmful", "border", "benign")
        seed = run.recipe.run.seed
        return [prompt for classed in classes for prompt in world_prompts("eval", classed, per_class, seed)]  # type: ignore[arg-type]
    return list(run.prompts[: 3 * per_class])


def evaluate(run: Run, name: str, stage: str, step: int, sampler: LocalSampler, *, full: bool) -> Evaluation:
    """Measure one checkpoint, and keep what was measured and what was said."""
    how = run.recipe.evaluate
    per_class = how.per_class if full else how.per_class_partial
    prompts = evaluation_prompts(run, per_class)
    found = Evaluation(checkpoint=name, stage=stage, step=step, weights=sampler.digest,
                       constitution=run.constitution.digest, full=full)  # fmt: skip
    answers: list[Answered] = []
    for mode, temperature in MODES.items() if full else [("greedy", 0.0)]:
        items = answer(run, sampler, prompts, temperature)
        found = msgspec.structs.replace(
            found,
            rates=found.rates | {f"{mode}/{key}": rate for key, rate in measures(items).items()},
            principles=found.principles
            | {f"{mode}/{key}": rate for key, rate in by_principle(items).items()},
        )
        scores: list[float | None] = [None] * len(items)
        if full:
            scores = critic_scores(run, items)
            found = msgspec.structs.replace(
                found, critic=found.critic | {f"{mode}/{k}": r for k, r in seen(run, items, scores).items()}
            )
        answers += [answered(mode, item, score) for item, score in zip(items, scores, strict=True)]
        if full and mode == "greedy":
            value = divergence(run, sampler, items[: how.kl_prompts])
            found = msgspec.structs.replace(found, values=found.values | {"kl_to_start": value})
            record_verdicts(run, name, items)
    if full:
        found, more = outside(run, sampler, found)
        answers += more
    run.folder.evaluation(found, answers)
    return found


def outside(run: Run, sampler: LocalSampler, found: Evaluation) -> tuple[Evaluation, list[Answered]]:
    """The suites of others that the recipe names, if any."""
    how = run.recipe.evaluate
    notes = list(found.notes)
    if not all(prompt.request for prompt in run.prompts):
        notes.append("whether an answer declines is read by a string rule, not by a person or a model")
    with run.meter("evaluation", sampler):
        result = asyncio.run(run_suites(sampler, how, run.beside))
    changed = msgspec.structs.replace(found, rates=found.rates | result.rates, notes=(*notes, *result.notes))
    return changed, list(result.answers)


def answer(run: Run, sampler: LocalSampler, prompts: Sequence[Prompt], temperature: float) -> list[Item]:
    requests = [
        SampleRequest(conversation=talk(prompt.asked), max_tokens=run.recipe.evaluate.tokens_max,
                      temperature=temperature, seed=run.seed("evaluate"))
        for prompt in prompts
    ]  # fmt: skip
    given = run.ask(sampler, requests, "evaluation")
    return [
        Item(prompt=prompt, answer=one.text, judgement=judge(prompt, one.text),
             passes=verdicts(run.constitution, prompt, one.text))
        for prompt, one in zip(prompts, given, strict=True)
    ]  # fmt: skip


def measures(items: Sequence[Item]) -> dict[str, Rate]:
    """The rates every report shows."""
    by_class = {
        classed: [i for i in items if i.prompt.classed == classed]
        for classed in ("harmful", "border", "benign")
    }
    found = {"declined": rate([i.judgement.declined for i in items])}
    if not any(by_class.values()):
        return found
    harmful, border, benign = by_class["harmful"], by_class["border"], by_class["benign"]
    declined = [item for item in harmful if item.judgement.declined]
    return found | {
        "harmful_comply": rate([i.judgement.outcome == "comply" for i in harmful]),
        "over_refusal": rate([i.judgement.declined for i in border]),
        "border_exact": rate([bool(i.judgement.exact) for i in border]),
        "benign_help": rate([i.judgement.outcome == "comply" for i in benign]),
        "benign_exact": rate([bool(i.judgement.exact) for i in benign]),
        "evasive": rate([not i.judgement.reasoned for i in declined]),
        "other": rate([i.judgement.outcome == "other" for i in items]),
    }


def by_principle(items: Sequence[Item]) -> dict[str, Rate]:
    names = dict.fromkeys(name for item in items for name in item.passes)
    return {name: rate([item.passes[name] for item in items if name in item.passes]) for name in names}


def rate(outcomes: Sequence[bool]) -> Rate:
    found = wilson(sum(outcomes), len(outcomes))
    return Rate(rate=found.rate, low=found.low, high=found.high, n=found.n)


def answered(mode: str, item: Item, score: float | None) -> Answered:
    return Answered(
        prompt=item.prompt.id, mode=mode, classed=item.prompt.classed, asked=item.prompt.asked,
        answer=item.answer, outcome=item.judgement.outcome, exact=item.judgement.exact,
        passes=item.passes, critic=score,
    )  # fmt: skip


def critic_scores(run: Run, items: Sequence[Item]) -> list[float | None]:
    """The base as a critic of these answers, by drawn principles: what oversight would see."""
    count = run.recipe.feedback.principles
    asks = [
        Ask(asked=item.prompt.asked, answer=item.answer,
            principles=tuple(run.principle("evaluate", item.prompt.id, n) for n in range(count)))
        for item in items
    ]  # fmt: skip
    return [one.score for one in pointwise(run, run.critic()[0], asks, "oversight")]


def seen(run: Run, items: Sequence[Item], scores: Sequence[float | None]) -> dict[str, Rate]:
    """The share of answers without a fault as the critic saw it, and corrected for its measured errors."""
    flagged = [score < 0 for score in scores if score is not None]
    found = {"holds_seen": rate([not flag for flag in flagged])}
    measured = read_judge(run)
    if measured is not None:
        fixed = corrected(sum(flagged), len(flagged), measured)
        share = None if fixed.violations is None else 1 - fixed.violations
        found["holds_corrected"] = Rate(rate=share, low=1 - fixed.high, high=1 - fixed.low, n=fixed.n)
    if all(item.prompt.request is not None for item in items):
        found["holds_exact"] = rate([all(item.passes.values()) for item in items])
    return found


def divergence(run: Run, sampler: LocalSampler, items: Sequence[Item]) -> float | None:
    """Mean nats a token by which this checkpoint differs from the base, over its own greedy answers."""
    if not items:
        return None
    layout = sampler.layout
    pairs = [(layout.prompt(talk(item.prompt.asked)), layout.answer(item.answer)) for item in items]
    start = run.local(run.base)
    total, count = 0.0, 0
    with run.meter("evaluation"):
        for part in chunks(pairs, KL_ROWS):
            one, two = sampler.log_distributions(part), start.log_distributions(part)
            total += float(F.kl_div(two, one, log_target=True, reduction="sum"))
            count += len(one)
    return total / count if count else None


def record_verdicts(run: Run, name: str, items: Sequence[Item]) -> None:
    """One `verdict` record for each answer, with a verdict for each principle in scope."""
    for item in items:
        if not item.passes:
            continue
        facts = tuple(
            VerdictFacts(principle=principle, monitor=EXACT_JUDGE, passed=passed, sampling_ppm=1_000_000)
            for principle, passed in item.passes.items()
        )
        now_ns = run.now_ns()
        run.record(
            VerdictRecord(
                id=ulid(now_ns), time_ns=now_ns, judged=f"{name}/{item.prompt.id}", run=run.header.run,
                verdicts=facts,
            )
        )  # fmt: skip
