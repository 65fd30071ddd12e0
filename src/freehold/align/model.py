"""A decoder of the Llama and Qwen family, small enough to read: the same names and numbers as the HF layout.

Covers Llama (with `llama3` rope scaling), Qwen2 (query, key and value biases) and Qwen3 (normalised queries
and keys), grouped-query attention and tied embeddings. Left out, and refused when a config asks for it:
sliding windows, mixtures of experts, other rope scalings. Shapes: B rows, T tokens, H heads, K key heads, D
head width.
"""

from __future__ import annotations

import math
from typing import Any

import msgspec
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from freehold.errors import InputError

FAMILIES = ("llama", "qwen2", "qwen3")


class RopeScaling(msgspec.Struct, frozen=True, kw_only=True):
    """The `llama3` rule: long waves are slowed by `factor`, short ones kept, those between blended."""

    factor: float
    low_freq_factor: float
    high_freq_factor: float
    original_max_position_embeddings: int


class ModelConfig(msgspec.Struct, frozen=True, kw_only=True):
    family: str
    vocab_size: int
    hidden_size: int
    intermediate_size: int
    num_hidden_layers: int
    num_attention_heads: int
    num_key_value_heads: int
    head_dim: int
    rms_norm_eps: float = 1e-6
    rope_theta: float = 10_000.0
    rope_scaling: RopeScaling | None = None
    tie_word_embeddings: bool = False
    max_position_embeddings: int = 2048
    qkv_bias: bool = False
    qk_norm: bool = False

    def parameters(self, *, embedding: bool = True) -> int:
        """How many weights; without the embedding table for counting compute."""
        attention = (
            self.hidden_size * self.head_dim * (2 * self.num_attention_heads + 2 * self.num_key_value_heads)
        )
        layer = attention + 3 * self.hidden_size * self.intermediate_size + 2 * self.hidden_size
        head = self.vocab_size * self.hidden_size
        tables = head * (1 if self.tie_word_embeddings else 2) if embedding else head
        return self.num_hidden_layers * layer + self.hidden_size + tables


def read_config(raw: dict[str, Any], source: str) -> ModelConfig:
    """An HF `config.json` as our config, or a refusal that names what we do not cover."""
    family = str(raw.get("model_type", ""))
    if family not in FAMILIES:
        raise InputError(
            f"{source} describes a model of type {family!r}",
            why=f"covered are {', '.join(FAMILIES)}",
            fix="use a checkpoint of a covered family",
            code="align.unknown-model",
        )
    if raw.get("use_sliding_window"):
        raise _uncovered(source, "use_sliding_window")
    heads = int(raw["num_attention_heads"])
    rope = raw.get("rope_parameters") or {}
    return ModelConfig(
        family=family,
        vocab_size=int(raw["vocab_size"]),
        hidden_size=int(raw["hidden_size"]),
        intermediate_size=int(raw["intermediate_size"]),
        num_hidden_layers=int(raw["num_hidden_layers"]),
        num_attention_heads=heads,
        num_key_value_heads=int(raw.get("num_key_value_heads") or heads),
        head_dim=int(raw.get("head_dim") or int(raw["hidden_size"]) // heads),
        rms_norm_eps=float(raw.get("rms_norm_eps", 1e-6)),
        rope_theta=float(raw.get("rope_theta") or rope.get("rope_theta") or 10_000.0),
        rope_scaling=_scaling(raw.get("rope_scaling") or rope, source),
        tie_word_embeddings=bool(raw.get("tie_word_embeddings", False)),
        max_position_embeddings=int(raw.get("max_position_embeddings", 2048)),
        qkv_bias=family == "qwen2" or bool(raw.get("attention_bias", False)),
        qk_norm=family == "qwen3",
    )


def _scaling(raw: dict[str, Any], source: str) -> RopeScaling | None:
    kind = raw.get("rope_type") or raw.get("type") or "default"
    if kind == "default":
        return None
    if kind != "llama3":
        raise _uncovered(source, f"rope scaling {kind!r}")
    return RopeScaling(
        factor=float(raw["factor"]),
        low_freq_factor=float(raw["low_freq_factor"]),
        high_freq_factor=float(raw["high_freq_factor"]),
        original_max_position_embeddings=int(raw["original_max_position_embeddings"]),
    )


def _uncovered(source: str, what: str) -> InputError:
    return InputError(
        f"{source} asks for {what}, which is not covered",
        why="running it as if it were not there would give other numbers",
        fix="use a checkpoint without it",
        code="align.unknown-model",
    )


def write_config(config: ModelConfig) -> dict[str, Any]:
    """The config as HF writes it, so that transformers and vLLM read our checkpoints."""
    names = {"llama": "LlamaForCausalLM", "qwen2": "Qwen2ForCausalLM", "qwen3": "Qwen3ForCausalLM"}
    scaling = (
        {"rope_type": "llama3", **msgspec.to_builtins(config.rope_scaling)} if config.rope_scaling else None
    )
    return {
        "architectures": [names[config.family]],
        "model_type": config.family,
        "vocab_size": config.vocab_size,
        "hidden_size": config.hidden_size,
        "intermediate_size": config.intermediate_size,
        "num_hidden_layers": config.num_hidden_layers,
        "num_attention_heads": config.num_attention_heads,
        "num_key_value_heads": config.num_key_value_heads,
        "head_dim": config.head_dim,
        "hidden_act": "silu",
        "rms_norm_eps": config.rms_norm_eps,
        "rope_theta": config.rope_theta,
        "rope_scaling": scaling,
        "tie_word_embeddings": config.tie_word_embeddings,
        "max_position_embeddings": config.max_position_embeddings,
        "attention_bias": config.qkv_bias,
    }


class Cache:
    """Keys and values of every layer, allocated once."""

    def __init__(self, config: ModelConfig, rows: int, tokens_max: int, like: Tensor) -> None:
        shape = (config.num_hidden_layers, rows, config.num_key_value_heads, tokens_max, config.head_dim)
        self.keys = torch.zeros(shape, dtype=like.dtype, device=like.device)
        self.values = torch.zeros_like(self.keys)

    def put(self, layer: int, start: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Store the new columns; give back everything up to them."""
        end = start + key.shape[2]
        self.keys[layer, :, :, start:end] = key
        self.values[layer, :, :, start:end] = value
        return self.keys[layer, :, :, :end], self.values[layer, :, :, :end]

    def keep(self, rows: Tensor) -> None:
        """Go on with these rows only."""
        self.keys = self.keys.index_select(1, rows)
        self.values = self.values.index_select(1, rows)


class RMSNorm(nn.Module):
    def __init__(self, width: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        return F.rms_norm(x.float(), (x.shape[-1],), None, self.eps).to(x.dtype) * self.weight


class Rope(nn.Module):
    """Rotary positions, HF's half-split layout."""

    cos: Tensor
    sin: Tensor

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        angles = torch.outer(
            torch.arange(config.max_position_embeddings).float(), _inverse_frequencies(config)
        )
        angles = torch.cat([angles, angles], dim=-1)
        self.register_buffer("cos", angles.cos(), persistent=False)
        self.register_buffer("sin", angles.sin(), persistent=False)

    def forward(self, positions: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        cos, sin = self.cos[positions].to(dtype), self.sin[positions].to(dtype)
        return cos.unsqueeze(-3), sin.unsqueeze(-3)  # a place for the heads


def _inverse_frequencies(config: ModelConfig) -> Tensor:
    powers = torch.arange(0, config.head_dim, 2, dtype=torch.int64).float() / config.head_dim
    frequencies = 1.0 / (config.rope_theta**powers)
    scaling = config.rope_scaling
    if scaling is None:
        return frequencies
    wave = 2 * math.pi / frequencies
    original = scaling.original_max_position_embeddings
    blend = (original / wave - scaling.low_freq_factor) / (scaling.high_freq_factor - scaling.low_freq_factor)
    between = (1 - blend) * frequencies / scaling.factor + blend * frequencies
    slow = torch.where(wave > original / scaling.low_freq_factor, frequencies / scaling.factor, frequencies)
    medium = (wave >= original / scaling.high_freq_factor) & (wave <= original / scaling.low_freq_factor)
    return torch.where(medium, between, slow)


def _rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    half = x.shape[-1] // 2
    return x * cos + torch.cat([-x[..., half:], x[..., :half]], dim=-1) * sin


class Attention(nn.Module):
    def __init__(self, config: ModelConfig, layer: int) -> None:
        super().__init__()
        self.config, self.layer = config, layer
        heads, keys = (
            config.num_attention_heads * config.head_dim,
            config.num_key_value_heads * config.head_dim,
        )
        self.q_proj = nn.Linear(config.hidden_size, heads, bias=config.qkv_bias)
        self.k_proj = nn.Linear(config.hidden_size, keys, bias=config.qkv_bias)
        self.v_proj = nn.Linear(config.hidden_size, keys, bias=config.qkv_bias)
        out_bias = config.qkv_bias and config.family != "qwen2"  # Llama's attention_bias covers all four
        self.o_proj = nn.Linear(heads, config.hidden_size, bias=out_bias)
        if config.qk_norm:
            self.q_norm = RMSNorm(config.head_dim, config.rms_norm_eps)
            self.k_norm = RMSNorm(config.head_dim, config.rms_norm_eps)

    def forward(
        self, x_BTC: Tensor, rope: tuple[Tensor, Tensor], mask: Tensor | None, cache: Cache | None, start: int
    ) -> Tensor:
        rows, tokens, _ = x_BTC.shape
        width = self.config.head_dim
        query = self.q_proj(x_BTC).view(rows, tokens, -1, width)
        key = self.k_proj(x_BTC).view(rows, tokens, -1, width)
        value = self.v_proj(x_BTC).view(rows, tokens, -1, width).transpose(1, 2)
        if self.config.qk_norm:
            query, key = self.q_norm(query), self.k_norm(key)
        query = _rotate(query.transpose(1, 2), *rope)
        key = _rotate(key.transpose(1, 2), *rope)
        if cache is not None:
            key, value = cache.put(self.layer, start, key, value)
        grouped = self.config.num_key_value_heads != self.config.num_attention_heads
        mixed = F.scaled_dot_product_attention(
            query, key, value, attn_mask=mask, is_causal=mask is None and tokens > 1, enable_gqa=grouped
        )
        out: Tensor = self.o_proj(mixed.transpose(1, 2).reshape(rows, tokens, -1))
        return out


class FeedForward(nn.Module):
    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.up_proj = nn.Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.down_proj = nn.Linear(config.intermediate_size, config.hidden_size, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))
        return out


class Layer(nn.Module):
    def __init__(self, config: ModelConfig, layer: int) -> None:
        super().__init__()
        self.self_attn = Attention(config, layer)
        self.mlp = FeedForward(config)
        self.input_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.post_attention_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)

    def forward(
        self, x: Tensor, rope: tuple[Tensor, Tensor], mask: Tensor | None, cache: Cache | None, start: int
    ) -> Tensor:
        x = x + self.self_attn(self.input_layernorm(x), rope, mask, cache, start)
        out: Tensor = x + self.mlp(self.post_attention_layernorm(x))
        return out


class Trunk(nn.Module):
    """HF calls it `model`: embedding, layers, last norm."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList(Layer(config, number) for number in range(config.num_hidden_layers))
        self.norm = RMSNorm(config.hidden_size, config.rms_norm_eps)


class LanguageModel(nn.Module):
    """Ids in, hidden states out; `logits` turns as many of them into logits as one wants."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.model = Trunk(config)
        self.rope = Rope(config)
        if not config.tie_word_embeddings:
            self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)

    def forward(
        self,
        ids_BT: Tensor,
        *,
        positions_BT: Tensor | None = None,
        mask: Tensor | None = None,
        cache: Cache | None = None,
        start: int = 0,
    ) -> Tensor:
        """Hidden states after the last norm. Without a mask, rows are causal from their first token."""
        if positions_BT is None:
            positions_BT = torch.arange(start, start + ids_BT.shape[1], device=ids_BT.device)
        x = self.model.embed_tokens(ids_BT)
        rope = self.rope(positions_BT, x.dtype)
        for layer in self.model.layers:
            x = layer(x, rope, mask, cache, start)
        out: Tensor = self.model.norm(x)
        return out

    @property
    def head(self) -> Tensor:
        return self.model.embed_tokens.weight if self.config.tie_word_embeddings else self.lm_head.weight

    def logits(self, hidden: Tensor) -> Tensor:
        return F.linear(hidden, self.head).float()


def initialise(model: LanguageModel, seed: int) -> None:
    """Small random weights, the same for the same seed; what writes to the residual starts smaller."""
    generator = torch.Generator().manual_seed(seed)
    depth = math.sqrt(2 * model.config.num_hidden_layers)
    for name, weight in model.named_parameters():
        if weight.ndim < 2:
            continue
        std = 0.02 if "embed" in name else 1 / math.sqrt(weight.shape[1])
        if name.endswith(("o_proj.weight", "down_proj.weight")):
            std /= depth
        with torch.no_grad():
            weight.copy_(torch.randn(weight.shape, generator=generator) * std)
