"""The three losses, each a function of numbers that anybody can check: SFT, DPO, preference model.

At hard labels and without an anchor they are the published ones, and a test holds them equal to TRL's.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from freehold.align.model import LanguageModel

IGNORED = -100


def completion_logprobs(model: LanguageModel, ids_BT: Tensor, labels_BT: Tensor) -> Tensor:
    """Sum of the log-probabilities of each row's labelled tokens. Logits are made for those tokens only."""
    hidden = model(ids_BT)[:, :-1]
    wanted = labels_BT[:, 1:]
    rows, places = (wanted != IGNORED).nonzero(as_tuple=True)
    odds = -F.cross_entropy(model.logits(hidden[rows, places]), wanted[rows, places], reduction="none")
    return torch.zeros(ids_BT.shape[0], dtype=odds.dtype, device=odds.device).index_add(0, rows, odds)


def sft_loss(model: LanguageModel, ids_BT: Tensor, labels_BT: Tensor) -> Tensor:
    """Mean cross-entropy over the labelled tokens of the batch."""
    hidden = model(ids_BT)[:, :-1]
    wanted = labels_BT[:, 1:]
    rows, places = (wanted != IGNORED).nonzero(as_tuple=True)
    return F.cross_entropy(model.logits(hidden[rows, places]), wanted[rows, places])


def dpo_loss(
    chosen: Tensor, rejected: Tensor, chosen_start: Tensor, rejected_start: Tensor, *,
    beta: float, labels: Tensor | None = None,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """The loss and each pair's margin. `labels`: how likely the chosen one is the better; 1 if None."""
    margins = beta * ((chosen - chosen_start) - (rejected - rejected_start))
    sure = torch.ones_like(margins) if labels is None else labels
    losses = -(sure * F.logsigmoid(margins) + (1 - sure) * F.logsigmoid(-margins))
    return losses.mean(), margins.detach()


def preference_loss(chosen: Tensor, rejected: Tensor, labels: Tensor | None = None) -> Tensor:
    """Bradley and Terry's, over the scores a preference model gives; soft where labels are."""
    sure = torch.ones_like(chosen) if labels is None else labels
    return -(sure * F.logsigmoid(chosen - rejected) + (1 - sure) * F.logsigmoid(rejected - chosen)).mean()
