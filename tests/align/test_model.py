# environment: align
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from freehold.align.checkpoint import load_model
from freehold.align.model import read_config, write_config
from freehold.errors import InputError
from freehold.pocket.lm.engine import SHIPPED, PocketModel

SMALL: dict[str, Any] = {
    "vocab_size": 61, "hidden_size": 48, "intermediate_size": 80, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 128,
}  # fmt: skip
LLAMA3 = {
    "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
    "original_max_position_embeddings": 32, "rope_theta": 10000.0,
}  # fmt: skip
CONFIGS = {
    "llama": transformers.LlamaConfig(**SMALL),
    "llama-tied": transformers.LlamaConfig(**SMALL, tie_word_embeddings=True, head_dim=16),
    "llama-bias": transformers.LlamaConfig(**SMALL, attention_bias=True),
    "llama-rope": transformers.LlamaConfig(**SMALL, rope_parameters=LLAMA3),
    "qwen2": transformers.Qwen2Config(**SMALL),
    "qwen3": transformers.Qwen3Config(**SMALL, head_dim=16, tie_word_embeddings=True),
}
CPU = torch.device("cpu")


def theirs(config: Any, folder: Path) -> Any:
    """A random checkpoint as transformers writes it, biases and norms off their beginnings."""
    torch.manual_seed(3)
    model = transformers.AutoModelForCausalLM.from_config(config)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(torch.randn_like(weight) * 0.05)
    model.save_pretrained(folder)
    return model.eval()


@pytest.mark.parametrize("name", CONFIGS)
def test_model_gives_the_logits_of_transformers(name: str, tmp_path: Path) -> None:
    model = theirs(CONFIGS[name], tmp_path)
    ours = load_model(tmp_path, device=CPU, dtype=torch.float32)
    ids = torch.randint(0, 61, (2, 40), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        assert torch.allclose(ours.logits(ours(ids)), model(ids).logits, atol=2e-5)


def test_model_of_bfloat16_stays_close_to_transformers(tmp_path: Path) -> None:
    model = theirs(CONFIGS["qwen3"], tmp_path).to(torch.bfloat16)
    ours = load_model(tmp_path, device=CPU, dtype=torch.bfloat16)
    ids = torch.arange(30)[None]
    with torch.no_grad():
        assert torch.allclose(ours.logits(ours(ids)), model(ids).logits.float(), atol=0.1)


def test_model_shipped_is_the_same_in_transformers_torch_and_numpy() -> None:
    model = transformers.LlamaForCausalLM.from_pretrained(SHIPPED).eval()
    ours = load_model(SHIPPED, device=CPU, dtype=torch.float32)
    pocket = PocketModel.load()
    ids = list(range(11, 71))
    with torch.no_grad():
        wanted = model(torch.tensor([ids])).logits[0]
        found = ours.logits(ours(torch.tensor([ids])))[0]
    in_numpy = torch.from_numpy(pocket.logits(pocket.forward(ids, pocket.cache(100))))
    assert torch.allclose(found, wanted, atol=1e-4)
    assert torch.allclose(in_numpy, wanted, atol=1e-3)


@pytest.mark.parametrize("name", CONFIGS)
def test_config_survives_being_written_and_read(name: str, tmp_path: Path) -> None:
    CONFIGS[name].save_pretrained(tmp_path)
    import json

    found = read_config(json.loads((tmp_path / "config.json").read_text()), "x")
    assert read_config(write_config(found), "x") == found


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"model_type": "mamba"}, "mamba"),
        ({"use_sliding_window": True}, "sliding"),
        ({"rope_scaling": {"rope_type": "yarn", "factor": 2.0}}, "yarn"),
    ],
)
def test_config_that_is_not_covered_is_refused(change: dict[str, Any], what: str) -> None:
    with pytest.raises(InputError, match=what) as caught:
        read_config({"model_type": "llama", **SMALL, **change}, "x")
    assert caught.value.code == "align.unknown-model"


def test_model_counts_its_own_weights() -> None:
    ours = load_model(SHIPPED, device=CPU, dtype=torch.float32)
    assert ours.config.parameters() == sum(weight.numel() for weight in ours.parameters())
