# environment: align
import math

import pytest
import torch

from freehold.align.checkpoint import load_model
from freehold.align.losses import IGNORED, completion_logprobs, dpo_loss, preference_loss, sft_loss
from freehold.pocket.lm.engine import SHIPPED

MODEL = load_model(SHIPPED, device=torch.device("cpu"), dtype=torch.float32)
IDS = torch.randint(11, 1000, (3, 12), generator=torch.Generator().manual_seed(1))
LABELS = IDS.clone()
LABELS[:, :5] = IGNORED
LABELS[1, 9:] = IGNORED


def test_sft_loss_is_the_mean_over_labelled_tokens() -> None:
    odds = torch.log_softmax(MODEL.logits(MODEL(IDS)), dim=-1)
    by_hand = [
        -odds[row, place - 1, IDS[row, place]]
        for row in range(3)
        for place in range(1, 12)
        if LABELS[row, place] != IGNORED
    ]
    assert torch.allclose(sft_loss(MODEL, IDS, LABELS), torch.stack(by_hand).mean(), atol=1e-5)


def test_completion_logprobs_add_up_each_row() -> None:
    odds = torch.log_softmax(MODEL.logits(MODEL(IDS)), dim=-1)
    by_hand = sum(odds[1, place - 1, IDS[1, place]] for place in range(5, 9))
    assert torch.allclose(completion_logprobs(MODEL, IDS, LABELS)[1], by_hand, atol=1e-4)


def test_dpo_loss_before_training_is_log_two() -> None:
    odds = torch.tensor([-3.0, -4.0])
    loss, margins = dpo_loss(odds, odds - 1, odds, odds - 1, beta=0.1)
    assert loss.item() == pytest.approx(math.log(2))
    assert margins.tolist() == [0.0, 0.0]


def test_dpo_loss_with_a_soft_label_is_least_where_the_margin_says_the_label() -> None:
    label = torch.tensor([0.8])
    logit = math.log(0.8 / 0.2)

    def at(margin: float) -> float:
        zero = torch.zeros(1)
        return dpo_loss(torch.tensor([margin]), zero, zero, zero, beta=1.0, labels=label)[0].item()

    assert at(logit) < min(at(logit - 0.2), at(logit + 0.2))


def test_preference_loss_with_even_labels_asks_for_even_scores() -> None:
    even = torch.tensor([0.5])
    apart = preference_loss(torch.tensor([2.0]), torch.tensor([0.0]), even)
    alike = preference_loss(torch.tensor([1.0]), torch.tensor([1.0]), even)
    assert alike < apart
