"""The preference model: the base with one number on top, trained on the critic's soft labels.

It is trained beside DPO, not for it: its accuracy and calibration against the exact judge say how good the
labels are, soft against hard. What it learned is kept as checkpoints/preference-model with its head in a
file of its own.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import safetensors.torch as safetensors
import torch
from torch import Tensor, nn

from freehold.align.checkpoint import Manifest, load_model, save_model
from freehold.align.critic import clamped, sigmoid
from freehold.align.layout import Layout
from freehold.align.losses import preference_loss
from freehold.align.model import LanguageModel
from freehold.align.train import Optimizer, batch_at, completions, rate_at, steps_of
from freehold.align.work import Run
from freehold.pocket.lm.marks import talk
from freehold.watch.runlog import Cost
from freehold.watch.stats import calibration_error

HEAD_FILE = "head.safetensors"
HELD_SHARE = 0.2
Row = dict[str, Any]


class PreferenceModel(nn.Module):
    """A trunk and a score read from each row's last token."""

    def __init__(self, trunk: LanguageModel) -> None:
        super().__init__()
        self.trunk = trunk
        self.score = nn.Linear(trunk.config.hidden_size, 1, bias=False)
        nn.init.zeros_(self.score.weight)

    def forward(self, ids_BT: Tensor, last_B: Tensor) -> Tensor:
        hidden = self.trunk(ids_BT)[torch.arange(len(last_B)), last_B]
        scores: Tensor = self.score(hidden)[:, 0]
        return scores


def train_preference_model(
    run: Run, layout: Layout, *, hard: bool | None = None, keep: bool = True
) -> dict[str, float]:
    """Train on four fifths of the pairs; measure on the fifth by what the exact judge says of it."""
    how = run.recipe.prefer
    train_rows, held_rows = split_rows(run)
    torch.manual_seed(run.recipe.run.seed)
    model = PreferenceModel(load_model(run.base, device=run.device, dtype=run.dtype)).to(run.device)
    optimizer = Optimizer(list(model.named_parameters()), how)
    steps = 2 * steps_of(how, len(train_rows))
    labels = run.recipe.feedback if hard is None else _with_hard(run, hard)
    per_token = 6 * model.trunk.config.parameters(embedding=False)
    for number in range(steps):
        with run.meter("feedback"):
            batch = batch_at(run, "preference-model", train_rows, how.rows, number)
            scores = _scores(model, layout, batch, run.device)
            sure = torch.tensor(
                [clamped(label_of(row, labels.softness), labels) for row in batch], device=run.device
            )
            chosen, rejected = scores.chunk(2)
            loss = preference_loss(chosen, rejected, sure)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step(rate_at(how, number, steps))
        tokens = sum(len(row["chosen"]) for row in batch)
        run.charge("feedback", Cost(flops=per_token * tokens, tokens=tokens))
    found = measure_preference(run, model, layout, held_rows)
    if keep:
        _save(run, model, steps)
        run.happened("progress", "preference-model", steps, steps, values=found)
        run.folder.finish_stage(
            "preference-model", run.now_ns(), [], {k: f"{v:.6f}" for k, v in found.items()}
        )
    return found


def split_rows(run: Run) -> tuple[list[Row], list[Row]]:
    """Every prompt whose answers the critic told apart, split by prompt."""
    rows = [_as_pair(row) for row in run.folder.log().rows("feedback")]
    pairs = [row for row in rows if row is not None]
    random.Random(run.seed("preference-model", "split")).shuffle(pairs)  # noqa: S311  # data
    held = max(1, round(HELD_SHARE * len(pairs)))
    return pairs[held:], pairs[:held]


def _as_pair(row: Row) -> Row | None:
    scored = [one for one in row["answers"] if one.get("score") is not None]
    if len(scored) >= 2:
        best, worst = max(scored, key=lambda one: one["score"]), min(scored, key=lambda one: one["score"])
        if best["text"] != worst["text"]:
            gap = best["score"] - worst["score"]
            return {
                "prompt": row["prompt"],
                "asked": row["asked"],
                "chosen": best["text"],
                "rejected": worst["text"],
                "gap": gap,
            }
    elif "chosen" in row:
        return {**row, "gap": None}
    return None


def label_of(row: Row, softness: float) -> float:
    return float(row["label"]) if row["gap"] is None else sigmoid(row["gap"] / softness)


def measure_preference(
    run: Run, model: PreferenceModel, layout: Layout, rows: Sequence[Row]
) -> dict[str, float]:
    """Against the exact judge where there is one: accuracy and calibration on pairs nobody trained on."""
    from freehold.align.judge import better

    chances: list[float] = []
    outcomes: list[bool] = []
    requests = {prompt.id: prompt.request for prompt in run.prompts}
    with run.meter("evaluation"), torch.no_grad():
        for row in rows:
            truth = better(requests.get(row["prompt"]), row["chosen"], row["rejected"])
            if truth is None:
                continue
            one, two = _scores(model, layout, [row], run.device).tolist()
            chances.append(sigmoid(one - two))
            outcomes.append(truth)
    sure = [max(chance, 1 - chance) for chance in chances]
    right = [(chance >= 0.5) == outcome for chance, outcome in zip(chances, outcomes, strict=True)]
    error = calibration_error(sure, right)
    found = {"pairs": float(len(rows)), "judged": float(len(right))}
    if right and error is not None:
        found |= {"accuracy": sum(right) / len(right), "calibration_error": error}
    return found


def _scores(model: PreferenceModel, layout: Layout, batch: Sequence[Row], device: torch.device) -> Tensor:
    pairs = [
        (layout.prompt(talk(row["asked"])), layout.answer(row[side]))
        for side in ("chosen", "rejected")
        for row in batch
    ]
    ids, _ = completions(layout, pairs, device)
    last = torch.tensor([len(prompt) + len(answer) - 1 for prompt, answer in pairs], device=device)
    out: Tensor = model(ids, last)
    return out


def _with_hard(run: Run, hard: bool) -> Any:
    import msgspec

    return msgspec.structs.replace(run.recipe.feedback, hard=hard)


def _save(run: Run, model: PreferenceModel, steps: int) -> None:
    folder = run.folder.checkpoint("preference-model")
    save_model(
        model.trunk,
        run.base / "tokenizer.json",
        folder,
        Manifest(run=run.header.run, stage="preference-model", step=steps),
    )
    head = folder / f".{HEAD_FILE}.making"
    safetensors.save_file({"score.weight": model.score.weight.detach().cpu()}, head)
    head.replace(folder / HEAD_FILE)
