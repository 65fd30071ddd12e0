"""Preference optimisation on the soft labels: DPO with an anchor, and a preference model beside it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import torch
from torch import Tensor

from freehold.align.checkpoint import load_model
from freehold.align.layout import Layout
from freehold.align.losses import completion_logprobs, dpo_loss
from freehold.align.model import LanguageModel
from freehold.align.preference import train_preference_model
from freehold.align.train import Step, batch_at, chunks, completions, steps_of, train
from freehold.align.work import Run
from freehold.errors import InputError
from freehold.pocket.lm.marks import talk
from freehold.watch.runlog import Cost

START_ROWS = 64


class Pair(msgspec.Struct, frozen=True, kw_only=True):
    """A preferred and another answer, how sure the critic was, and what the start model thought of both."""

    prompt: list[int]
    chosen: list[int]
    rejected: list[int]
    label: float
    chosen_start: float = 0.0
    rejected_start: float = 0.0


def prefer(run: Run, measure: Callable[[int, LanguageModel], None]) -> LanguageModel:
    """checkpoints/prefer, and checkpoints/preference-model where the recipe wants one."""
    how = run.recipe.prefer
    start = run.policy("supervise")
    layout = run.local(start).layout
    pairs = read_pairs(run, layout)
    if how.preference_model and not run.folder.stage_done("preference-model"):
        train_preference_model(run, layout)
    pairs = with_start(run, start, layout, pairs)

    def build(model: LanguageModel) -> Step:
        def step(number: int) -> tuple[Tensor, dict[str, float], int]:
            batch = batch_at(run, "prefer", pairs, how.rows, number)
            return dpo_step(run, model, layout, batch)

        return step

    return train(run, "prefer", how, steps_of(how, len(pairs)), start, build, measure)


def read_pairs(run: Run, layout: Layout) -> list[Pair]:
    rows = [row for row in run.folder.log().rows("feedback") if "chosen" in row]
    if not rows:
        raise InputError(
            "there are no pairs to prefer by",
            why="the critic found no two answers of a prompt far enough apart",
            fix="raise [feedback] temperature or answers, or lower margin_min",
            code="align.no-rows",
        )
    return [
        Pair(prompt=layout.prompt(talk(row["asked"])), chosen=layout.answer(row["chosen"]),
             rejected=layout.answer(row["rejected"]), label=row["label"])
        for row in rows
    ]  # fmt: skip


def dpo_step(
    run: Run, model: LanguageModel, layout: Layout, batch: Sequence[Pair]
) -> tuple[Tensor, dict[str, float], int]:
    """One batch: chosen and rejected in one pass."""
    how = run.recipe.prefer
    both = [(pair.prompt, pair.chosen) for pair in batch] + [(pair.prompt, pair.rejected) for pair in batch]
    ids, labels = completions(layout, both, run.device)
    odds = completion_logprobs(model, ids, labels)
    chosen, rejected = odds.chunk(2)
    starts = torch.tensor([[pair.chosen_start, pair.rejected_start] for pair in batch], device=run.device)
    sure = torch.tensor([pair.label for pair in batch], device=run.device)
    loss, margins = dpo_loss(chosen, rejected, starts[:, 0], starts[:, 1], beta=how.beta, labels=sure)
    lengths = torch.tensor([float(len(pair.chosen)) for pair in batch], device=run.device)
    anchor = -(chosen / lengths).mean()
    values = {
        "dpo": loss.item(), "anchor": anchor.item(), "margin": margins.mean().item(),
        "accuracy": (margins > 0).float().mean().item(),
    }  # fmt: skip
    return loss + how.anchor * anchor, values, ids.numel()


def with_start(run: Run, start: Path, layout: Layout, pairs: Sequence[Pair]) -> list[Pair]:
    """What the model thought of each answer before; computed again, alike, when a run is resumed."""
    model = load_model(start, device=run.device, dtype=run.dtype)
    done: list[Pair] = []
    with run.meter("policy"), torch.no_grad():
        for part in chunks(pairs, START_ROWS):
            both = [(p.prompt, p.chosen) for p in part] + [(p.prompt, p.rejected) for p in part]
            ids, labels = completions(layout, both, run.device)
            chosen, rejected = completion_logprobs(model, ids, labels).chunk(2)
            run.charge(
                "policy",
                Cost(flops=2 * model.config.parameters(embedding=False) * ids.numel(), tokens=ids.numel()),
            )
            done += [
                msgspec.structs.replace(pair, chosen_start=one, rejected_start=two)
                for pair, one, two in zip(part, chosen.tolist(), rejected.tolist(), strict=True)
            ]

    return done
