# environment: oracle
"""Our losses against TRL's, on the same weights and the same batch."""

from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from datasets import Dataset
from trl import DPOConfig, DPOTrainer, RewardConfig, RewardTrainer, SFTConfig, SFTTrainer

from freehold.align.checkpoint import load_model
from freehold.align.losses import completion_logprobs, dpo_loss, preference_loss, sft_loss
from freehold.align.prompts import world_prompts
from freehold.align.train import completions
from freehold.align.layout import PocketLayout
from freehold.pocket.lm.engine import SHIPPED
from freehold.pocket.lm.marks import talk
from freehold.pocket.lm.tokens import PocketTokens
from freehold.pocket.lm.world import expected_help, expected_refusal

CPU = torch.device("cpu")
LAYOUT = PocketLayout(PocketTokens.load(SHIPPED / "tokenizer.json"))
COMMON: dict[str, Any] = {
    "per_device_train_batch_size": 6, "report_to": [], "use_cpu": True, "bf16": False, "max_steps": 1,
    "save_strategy": "no", "dataloader_pin_memory": False, "seed": 1, "gradient_checkpointing": False,
}  # fmt: skip
PROMPTS = [one for one in world_prompts("eval", "harmful", 6, 1) if one.request is not None]
ROWS = [
    (LAYOUT.prompt(talk(one.asked)), LAYOUT.answer(expected_refusal(one.request)), LAYOUT.answer(expected_help(one.request)))
    for one in PROMPTS
    if one.request is not None
]


@pytest.fixture
def tokenizer() -> Any:
    found = transformers.PreTrainedTokenizerFast(tokenizer_file=str(SHIPPED / "tokenizer.json"))
    found.pad_token, found.eos_token, found.bos_token = "<|pad|>", "<|end|>", "<|begin|>"
    return found


def theirs() -> Any:
    return transformers.LlamaForCausalLM.from_pretrained(SHIPPED, dtype=torch.float32)


def loss_of(trainer: Any) -> float:
    batch = next(iter(trainer.get_train_dataloader()))
    trainer.model.eval()
    with torch.no_grad():
        return float(trainer.compute_loss(trainer.model, batch))


def test_sft_loss_is_that_of_trl(tmp_path: Path, tokenizer: Any) -> None:
    data = Dataset.from_list(
        [{"input_ids": p + c, "completion_mask": [0] * len(p) + [1] * len(c)} for p, c, _ in ROWS]
    )
    config = SFTConfig(output_dir=str(tmp_path), completion_only_loss=True, max_length=256, **COMMON)
    trainer = SFTTrainer(model=theirs(), args=config, train_dataset=data, processing_class=tokenizer)
    ids, labels = completions(LAYOUT, [(p, c) for p, c, _ in ROWS], CPU)
    with torch.no_grad():
        ours = sft_loss(load_model(SHIPPED, device=CPU, dtype=torch.float32), ids, labels)
    assert ours.item() == pytest.approx(loss_of(trainer), rel=1e-4)
