"""AI feedback: several answers a prompt from the newest policy, judged by the base, and their pairs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from freehold.align.critic import Ask, Opinion, clamped, compare, pointwise, refuse_nonsense, soft_label
from freehold.align.prompts import Prompt
from freehold.align.work import Run, in_chunks
from freehold.pocket.lm.marks import talk
from freehold.types.contracts import Sampler
from freehold.types.sampling import Sample, SampleRequest

Row = dict[str, Any]


def feedback(run: Run) -> None:
    """rows/feedback.jsonl, one row a prompt; a row with a pair in it is trained on."""
    how = run.recipe.feedback
    policy = run.policy("supervise")
    sampler, (critic, critic_is) = run.answerer(policy), run.critic()

    def make(chunk: int, prompts: Sequence[Prompt]) -> tuple[list[Row], dict[str, float]]:
        answers = _answers(run, sampler, prompts, chunk)
        judge = _compared if how.method == "compare" else _pointed
        rows = judge(run, critic, prompts, answers)
        for row, given in zip(rows, answers, strict=True):
            row["sampler"] = given[0].home or "here"
            row["weights"] = given[0].weights_digest
            row["critic"] = critic_is
        return rows, run.staleness() | {"pairs": sum("chosen" in row for row in rows) / len(rows)}

    in_chunks(run, "feedback", "feedback", run.prompts, how.rows, make)
    run.folder.finish_stage("feedback", run.now_ns(), ["rows/feedback.jsonl"] if run.prompts else [], {})


def _answers(run: Run, sampler: Sampler, prompts: Sequence[Prompt], chunk: int) -> list[list[Sample]]:
    how = run.recipe.feedback
    requests = [
        SampleRequest(conversation=talk(prompt.asked), max_tokens=how.tokens_max, temperature=how.temperature,
                      seed=run.seed("feedback", chunk))
        for prompt in prompts
        for _ in range(how.answers)
    ]  # fmt: skip
    given = run.ask(sampler, requests, "policy")
    return [list(given[n * how.answers : (n + 1) * how.answers]) for n in range(len(prompts))]


def _pointed(
    run: Run, critic: Sampler, prompts: Sequence[Prompt], answers: Sequence[Sequence[Sample]]
) -> list[Row]:
    """Each answer scored by itself; the pair is the best and the worst."""
    how = run.recipe.feedback
    asks = [
        Ask(asked=prompt.asked, answer=answer.text,
            principles=tuple(run.principle("feedback", prompt.id, n) for n in range(how.principles)))
        for prompt, given in zip(prompts, answers, strict=True)
        for answer in given
    ]  # fmt: skip
    opinions = pointwise(run, critic, asks, "feedback")
    refuse_nonsense(opinions)
    rows = []
    for number, (prompt, given) in enumerate(zip(prompts, answers, strict=True)):
        judged = opinions[number * how.answers : (number + 1) * how.answers]
        rows.append(_row(run, prompt, given, judged))
    return rows


def _row(run: Run, prompt: Prompt, given: Sequence[Sample], judged: Sequence[Opinion]) -> Row:
    how = run.recipe.feedback
    row: Row = {
        "prompt": prompt.id, "classed": prompt.classed, "asked": prompt.asked, "method": "pointwise",
        "principles": list(judged[0].principles),
        "answers": [
            {"text": answer.text, "score": opinion.score, "sampled": opinion.sampled,
             "tokens": [answer.usage.fresh, answer.usage.output]}
            for answer, opinion in zip(given, judged, strict=True)
        ],
    }  # fmt: skip
    scored = [
        (one.score, answer.text) for one, answer in zip(judged, given, strict=True) if one.score is not None
    ]
    if len(scored) < 2:
        return row
    best, worst = max(scored, key=lambda one: one[0]), min(scored, key=lambda one: one[0])
    label = soft_label(best[0], worst[0], how)
    if best[1] != worst[1] and label >= 0.5 + how.margin_min:
        row |= {"chosen": best[1], "rejected": worst[1], "label": label}
    return row


def _compared(
    run: Run, critic: Sampler, prompts: Sequence[Prompt], answers: Sequence[Sequence[Sample]]
) -> list[Row]:
    """The first two answers against each other, both orders, averaged over the drawn principles."""
    how = run.recipe.feedback
    drawn = [[run.principle("feedback", prompt.id, n) for n in range(how.principles)] for prompt in prompts]
    asked = [
        (prompt.asked, given[0].text, given[1].text, principle)
        for prompt, given, principles in zip(prompts, answers, drawn, strict=True)
        for _, principle in principles
    ]
    found = compare(run, critic, asked, "feedback")
    rows = []
    for number, (prompt, given) in enumerate(zip(prompts, answers, strict=True)):
        mine = found[number * how.principles : (number + 1) * how.principles]
        label = clamped(sum(one.label for one in mine) / len(mine), how)
        row: Row = {
            "prompt": prompt.id, "classed": prompt.classed, "asked": prompt.asked, "method": "compare",
            "principles": [name for name, _ in drawn[number]],
            "orders": [[one.given_order, one.swapped] for one in mine],
            "answers": [{"text": answer.text} for answer in given],
        }  # fmt: skip
        one, two = (given[0].text, given[1].text) if label >= 0.5 else (given[1].text, given[0].text)
        if one != two and max(label, 1 - label) >= 0.5 + how.margin_min:
            row |= {"chosen": one, "rejected": two, "label": max(label, 1 - label)}
        rows.append(row)
    return rows
