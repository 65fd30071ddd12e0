"""One training loop for every stage, resumable to the bit.

What happens at a step depends on the seed and the step's number alone, so a checkpoint needs weights and
optimizer and nothing else: no generator state, no position in a file. At one thread, a run killed anywhere
and resumed gives the weights it would have given. A loss that is not a number stops the run at the last
checkpoint.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor, nn

from freehold.align.checkpoint import Manifest, load_model, load_state, read_manifest, save_model, verify
from freehold.align.layout import Layout
from freehold.align.losses import IGNORED
from freehold.align.model import LanguageModel
from freehold.align.recipe import TrainSection
from freehold.align.work import Run
from freehold.errors import FreeholdError, IntegrityError
from freehold.watch.runlog import Cost

T = TypeVar("T")
Step = Callable[[int], tuple[Tensor, dict[str, float], int]]
"""A step's loss, what to log of it, and how many tokens it read."""


class Optimizer:
    """AdamW whose state is a flat table of tensors."""

    def __init__(self, weights: Sequence[tuple[str, nn.Parameter]], how: TrainSection) -> None:
        self._weights = list(weights)
        decayed = [weight for _, weight in self._weights if weight.ndim >= 2]
        plain = [weight for _, weight in self._weights if weight.ndim < 2]
        self._adam = torch.optim.AdamW(
            [{"params": decayed, "weight_decay": how.weight_decay}, {"params": plain, "weight_decay": 0.0}],
            lr=how.learning_rate, betas=(0.9, 0.95), fused=True,
        )  # fmt: skip
        self._clip = how.clip

    def step(self, rate: float) -> float:
        """Clip, step, forget the gradients; the gradient's norm."""
        for group in self._adam.param_groups:
            group["lr"] = rate
        norm = nn.utils.clip_grad_norm_([weight for _, weight in self._weights], self._clip)
        self._adam.step()
        self._adam.zero_grad(set_to_none=True)
        return float(norm)

    def state(self) -> dict[str, Tensor]:
        return {
            f"{part}/{name}": value.detach().reshape(-1) if value.ndim == 0 else value.detach()
            for name, weight in self._weights
            for part, value in self._adam.state[weight].items()
        }

    def load(self, state: dict[str, Tensor]) -> None:
        for name, weight in self._weights:
            self._adam.state[weight] = {
                part: state[f"{part}/{name}"].clone().reshape(() if part == "step" else weight.shape)
                for part in ("step", "exp_avg", "exp_avg_sq")
            }


def train(
    run: Run, stage: str, how: TrainSection, steps: int, start: Path,
    build: Callable[[LanguageModel], Step], measure: Callable[[int, LanguageModel], None],
) -> LanguageModel:  # fmt: skip
    """From the folder `start` through `steps`, checkpointing; then the stage's finished checkpoint."""
    folder, done = latest(run, stage)
    model = load_model(folder or start, device=run.device, dtype=run.dtype)
    model.train()
    optimizer = Optimizer(list(model.named_parameters()), how)
    if folder is not None:
        optimizer.load(load_state(folder))
    take = build(model)
    flops_per_token = 6 * (model.config.parameters(embedding=False))
    for number in range(done, steps):
        with run.meter("policy"):
            loss, values, tokens = take(number)
            if not math.isfinite(loss.item()):
                raise not_finite(stage, number, loss.item())
            loss.backward()  # type: ignore[no-untyped-call]
            norm = optimizer.step(rate_at(how, number, steps))
        run.charge("policy", Cost(flops=flops_per_token * tokens, tokens=tokens))
        values |= {"loss": loss.item(), "gradient_norm": norm}
        run.happened("progress", stage, number + 1, steps, values=values)
        if (number + 1) % how.checkpoint_steps == 0 and number + 1 < steps:
            _keep(run, stage, number + 1, model, start, optimizer)
            measure(number + 1, model)
    save_model(model, start / "tokenizer.json", run.folder.checkpoint(stage), _manifest(run, stage, steps))
    return model


def latest(run: Run, stage: str) -> tuple[Path | None, int]:
    """The newest whole checkpoint of a stage under way, and its step."""
    for folder in sorted(run.folder.checkpoints.glob(f"{stage}-[0-9]*"), reverse=True):
        try:
            verify(folder)
        except FreeholdError:
            continue  # damaged after it was written: the one before it will do
        if (folder / "trainer.safetensors").is_file():
            return folder, read_manifest(folder).step
    return None, 0


def _keep(run: Run, stage: str, step: int, model: LanguageModel, start: Path, optimizer: Optimizer) -> None:
    name = f"{stage}-{step:06d}"
    manifest = _manifest(run, stage, step)
    save_model(model, start / "tokenizer.json", run.folder.checkpoint(name), manifest, optimizer.state())
    run.happened("checkpoint", stage, step, text=name)


def _manifest(run: Run, stage: str, step: int) -> Manifest:
    return Manifest(
        run=run.header.run, stage=stage, step=step, facts={"constitution": run.header.constitution}
    )


def rate_at(how: TrainSection, step: int, steps: int) -> float:
    """Warm up, then a straight line to a tenth."""
    warmup = max(1, round(how.warmup * steps))
    if step < warmup:
        return how.learning_rate * (step + 1) / warmup
    return how.learning_rate * (1 - 0.9 * (step - warmup) / max(1, steps - warmup))


def steps_of(how: TrainSection, rows: int) -> int:
    return max(1, how.epochs * math.ceil(rows / how.rows)) if rows else 0


def batch_at(run: Run, stage: str, rows: Sequence[T], size: int, step: int) -> list[T]:
    """The rows of a step: each epoch is one shuffle, drawn from the seed and the epoch."""
    per_epoch = math.ceil(len(rows) / size)
    epoch, place = divmod(step, per_epoch)
    order = list(range(len(rows)))
    run.rng(stage, "epoch", epoch).shuffle(order)
    return [rows[number] for number in order[place * size : (place + 1) * size]]


def completions(
    layout: Layout, pairs: Sequence[tuple[list[int], list[int]]], device: torch.device
) -> tuple[Tensor, Tensor]:
    """Prompts and answers as padded ids, and labels on the answers only."""
    longest = max(len(prompt) + len(answer) for prompt, answer in pairs)
    ids = torch.full((len(pairs), longest), layout.pad_id)
    labels = torch.full((len(pairs), longest), IGNORED)
    for row, (prompt, answer) in enumerate(pairs):
        end = len(prompt) + len(answer)
        ids[row, :end] = torch.tensor([*prompt, *answer])
        labels[row, len(prompt) : end] = torch.tensor(answer)
    return ids.to(device), labels.to(device)


def not_finite(stage: str, step: int, loss: float) -> IntegrityError:
    return IntegrityError(
        f"the loss of {stage} became {loss} at step {step + 1}",
        why="the weights after it would be worthless, so it stopped before they changed",
        fix="lower learning_rate in the recipe's copy in the run folder, then: freehold align resume RUN",
        code="align.loss-not-finite",
    )


def chunks(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for first in range(0, len(items), size):
        yield items[first : first + size]
