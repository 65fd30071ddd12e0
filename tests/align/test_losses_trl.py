# environment: oracle
"""Our losses against TRL's: the same weights, the same batch."""

from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from datasets import Dataset
from trl import DPOConfig, DPOTrainer, RewardConfig, RewardTrainer, SFTConfig, SFTTrainer
from trl.trainer.dpo_trainer import DataCollatorForPreference

from freehold.align.checkpoint import load_model
from freehold.align.layout import PocketLayout
from freehold.align.losses import IGNORED, completion_logprobs, dpo_loss, preference_loss, sft_loss
from freehold.align.preference import PreferenceModel
from freehold.align.prompts import world_prompts
from freehold.align.train import completions
from freehold.pocket.lm.engine import SHIPPED
from freehold.pocket.lm.marks import talk
from freehold.pocket.lm.tokens import PocketTokens
from freehold.pocket.lm.world import expected_help, expected_refusal

# Other people's notices about other people's settings; what is compared here are numbers.
pytestmark = [
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]
CPU = torch.device("cpu")
LAYOUT = PocketLayout(PocketTokens.load(SHIPPED / "tokenizer.json"))
REQUESTS = [one.request for one in world_prompts("eval", "harmful", 6, 1) if one.request is not None]
PROMPTS = [LAYOUT.prompt(talk(one.told())) for one in REQUESTS]
CHOSEN = [LAYOUT.answer(expected_refusal(one)) for one in REQUESTS]
REJECTED = [LAYOUT.answer(expected_help(one)) for one in REQUESTS]
BETA = 0.3
COMMON: dict[str, Any] = {
    "report_to": [], "use_cpu": True, "bf16": False, "max_steps": 1, "save_strategy": "no",
    "activation_checkpointing": False, "dataloader_pin_memory": False,
}  # fmt: skip
WORDS = Dataset.from_list(
    [{"prompt": "a", "chosen": "b", "rejected": "c"}]
)  # the trainers want some to begin


def tokenizer() -> Any:
    found = transformers.PreTrainedTokenizerFast(tokenizer_file=str(SHIPPED / "tokenizer.json"))
    found.pad_token, found.eos_token, found.bos_token = "<|pad|>", "<|end|>", "<|begin|>"
    return found


@pytest.fixture
def moved(tmp_path: Path) -> Path:
    """The shipped model a little way on, so that policy and reference differ."""
    torch.manual_seed(5)
    model = transformers.LlamaForCausalLM.from_pretrained(SHIPPED, dtype=torch.float32)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(torch.randn_like(weight) * 0.01)
    model.save_pretrained(tmp_path / "moved")
    return tmp_path / "moved"


def theirs(folder: Path) -> Any:
    return transformers.LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32)


def ours(folder: Path) -> Any:
    return load_model(folder, device=CPU, dtype=torch.float32)


def test_sft_loss_is_that_of_trl(moved: Path, tmp_path: Path) -> None:
    config = SFTConfig(output_dir=str(tmp_path), **COMMON)
    text = Dataset.from_list([{"text": "a"}])
    trainer = SFTTrainer(model=theirs(moved), args=config, train_dataset=text, processing_class=tokenizer())
    ids, labels = completions(LAYOUT, list(zip(PROMPTS, CHOSEN, strict=True)), CPU)
    batch = {
        "input_ids": ids,
        "labels": labels,
        "attention_mask": (labels != IGNORED).long() | (ids != LAYOUT.pad_id),
    }
    with torch.no_grad():
        wanted = trainer.compute_loss(trainer.model, {name: value.long() for name, value in batch.items()})
        assert sft_loss(ours(moved), ids, labels).item() == pytest.approx(float(wanted), rel=1e-5)


def test_dpo_loss_at_hard_labels_is_that_of_trl(moved: Path, tmp_path: Path) -> None:
    config = DPOConfig(output_dir=str(tmp_path), beta=BETA, **COMMON)
    trainer = DPOTrainer(
        model=theirs(moved),
        ref_model=theirs(SHIPPED),
        args=config,
        train_dataset=WORDS,
        processing_class=tokenizer(),
    )
    rows = [
        {"prompt_ids": p, "chosen_ids": c, "rejected_ids": r}
        for p, c, r in zip(PROMPTS, CHOSEN, REJECTED, strict=True)
    ]
    batch = DataCollatorForPreference(pad_token_id=LAYOUT.pad_id)(rows)
    both = list(zip(PROMPTS + PROMPTS, CHOSEN + REJECTED, strict=True))
    ids, labels = completions(LAYOUT, both, CPU)
    with torch.no_grad():
        wanted = trainer.compute_loss(trainer.model, batch)
        now, start = (completion_logprobs(ours(folder), ids, labels).chunk(2) for folder in (moved, SHIPPED))
        found, margins = dpo_loss(*now, *start, beta=BETA)
    assert found.item() == pytest.approx(float(wanted), rel=1e-5)
    assert margins.abs().max() > 0.01


def test_preference_loss_at_hard_labels_is_that_of_trl(moved: Path, tmp_path: Path) -> None:
    torch.manual_seed(2)
    scored = transformers.AutoModelForSequenceClassification.from_pretrained(
        moved, num_labels=1, dtype=torch.float32
    )
    scored.config.pad_token_id = LAYOUT.pad_id
    config = RewardConfig(output_dir=str(tmp_path), disable_dropout=True, **COMMON)
    trainer = RewardTrainer(model=scored, args=config, train_dataset=WORDS, processing_class=tokenizer())
    both = list(zip(PROMPTS + PROMPTS, CHOSEN + REJECTED, strict=True))
    ids, _ = completions(LAYOUT, both, CPU)
    last = torch.tensor([len(prompt) + len(answer) - 1 for prompt, answer in both])
    mask = (torch.arange(ids.shape[1]) <= last[:, None]).long()
    model = PreferenceModel(ours(moved))
    model.score.weight.data.copy_(scored.score.weight)
    with torch.no_grad():
        wanted = trainer.compute_loss(trainer.model, {"input_ids": ids, "attention_mask": mask})
        found = preference_loss(*model(ids, last).chunk(2))
    assert found.item() == pytest.approx(float(wanted), rel=1e-5)
