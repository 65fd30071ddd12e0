"""Critique and revision: the model finds what is wrong by a drawn principle, and rewrites its answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from freehold.align.constitution import Principle
from freehold.align.work import Run, in_chunks
from freehold.pocket.lm.marks import talk
from freehold.types.contracts import Sampler
from freehold.types.sampling import SampleRequest

Row = dict[str, Any]


def revise(run: Run) -> None:
    """rows/revisions.jsonl, one row a red-team prompt, with every round in it."""
    sampler = run.answerer(run.base)
    first = [row for row in run.folder.log().rows("samples") if row["red_team"]]

    def make(chunk: int, rows: Sequence[Row]) -> tuple[list[Row], dict[str, float]]:
        made: list[Row] = [
            {**{key: row[key] for key in ("prompt", "classed", "asked", "answer", "weights")}, "rounds": []}
            for row in rows
        ]
        for round_number in range(run.recipe.revise.rounds):
            revise_once(run, sampler, made, round_number, chunk)
        changed = sum(row["answer"] != row["rounds"][-1]["revision"] for row in made) / len(made)
        return made, {"changed": changed}

    in_chunks(run, "revise", "revisions", first, run.recipe.sample.rows, make)
    run.folder.finish_stage("revise", run.now_ns(), ["rows/revisions.jsonl"] if first else [], {})


def revise_once(run: Run, sampler: Sampler, rows: Sequence[Row], number: int, chunk: int) -> None:
    """One round over a chunk, each row with its own principle."""
    drawn = [run.principle("revise", row["prompt"], number) for row in rows]
    said = [row["rounds"][-1]["revision"] if row["rounds"] else row["answer"] for row in rows]
    critiques = ["" for _ in rows]
    spent = [[0, 0] for _ in rows]
    if run.recipe.revise.critique:
        asks = [
            _request(
                run,
                (row["asked"], answer, f"CritiqueRequest: {principle.critique}"),
                ("critique", chunk, number),
            )
            for row, answer, (_, principle) in zip(rows, said, drawn, strict=True)
        ]
        found = run.ask(sampler, asks, "feedback")
        critiques = [sample.text for sample in found]
        spent = [[sample.usage.fresh or 0, sample.usage.output or 0] for sample in found]
    asks = [
        _request(run, revision_talk(row["asked"], answer, principle, critique), ("revision", chunk, number))
        for row, answer, (_, principle), critique in zip(rows, said, drawn, critiques, strict=True)
    ]
    revisions = run.ask(sampler, asks, "policy")
    for row, (name, _), critique, revision, cost in zip(
        rows, drawn, critiques, revisions, spent, strict=True
    ):
        row["rounds"].append(
            {
                "principle": name, "critique": critique, "revision": revision.text,
                "weights": revision.weights_digest, "critique_tokens": cost,
                "tokens": [revision.usage.fresh, revision.usage.output],
            }
        )  # fmt: skip


def revision_talk(asked: str, answer: str, principle: Principle, critique: str) -> tuple[str, ...]:
    """With its critique, or straight to the revision where there is none."""
    request = f"RevisionRequest: {principle.revision}"
    if not critique:
        return (asked, answer, request)
    return (asked, answer, f"CritiqueRequest: {principle.critique}", critique, request)


def _request(run: Run, said: tuple[str, ...], what: tuple[object, ...]) -> SampleRequest:
    how = run.recipe.revise
    return SampleRequest(
        conversation=talk(*said), max_tokens=how.tokens_max, temperature=how.temperature, seed=run.seed(*what)
    )
