"""Supervised training on what the model made better: revisions of all rounds, and its helpful answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

from freehold.align.losses import sft_loss
from freehold.align.model import LanguageModel
from freehold.align.train import Step, batch_at, completions, steps_of, train
from freehold.align.work import Run
from freehold.errors import InputError
from freehold.pocket.lm.marks import talk

Pair = tuple[list[int], list[int]]


def supervise(run: Run, measure: Callable[[int, LanguageModel], None]) -> LanguageModel:
    """checkpoints/supervise."""
    layout = run.local(run.base).layout
    rows = [
        (layout.prompt(talk(asked)), layout.answer(answer))
        for asked, answer in training_rows(run)
        if answer.strip()
    ]
    if not rows:
        raise InputError(
            "there is nothing to train on",
            why="the stages sample and revise made no rows",
            fix="run them first, or give the recipe prompts",
            code="align.no-rows",
        )
    how = run.recipe.supervise

    def build(model: LanguageModel) -> Step:
        def step(number: int) -> tuple[Tensor, dict[str, float], int]:
            ids, labels = completions(layout, batch_at(run, "supervise", rows, how.rows, number), run.device)
            return sft_loss(model, ids, labels), {}, ids.numel()

        return step

    return train(run, "supervise", how, steps_of(how, len(rows)), run.base, build, measure)


def training_rows(run: Run) -> list[tuple[str, str]]:
    """What was asked, and what to say: every round of every revision, then a share of the helpful answers."""
    log = run.folder.log()
    pairs = [(row["asked"], one["revision"]) for row in log.rows("revisions") for one in row["rounds"]]
    helpful: list[dict[str, Any]] = [row for row in log.rows("samples") if not row["red_team"]]
    rng, share = run.rng("supervise", "helpful"), run.recipe.supervise.helpful_share
    return pairs + [(row["asked"], row["answer"]) for row in helpful if rng.random() < share]
