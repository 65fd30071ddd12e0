"""The pocket model in numpy: the same numbers as the torch one, with a key-value cache and no torch.

One row at a time, which is what a pocket home needs. Shapes: T tokens, H heads, D head width, C model width.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from freehold.errors import InputError
from freehold.pocket.lm.tokens import PocketTokens
from freehold.pocket.lm.weights import WEIGHTS_FILE, digest_of, numpy, read_weights
from freehold.types.names import Digest

SHIPPED = Path(__file__).parent / "model"
Array = Any  # numpy's arrays; numpy is imported only when a model is loaded


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """The fields of an HF `config.json` that the engine reads; `family` must be Llama's."""

    model_type: str
    vocab_size: int
    hidden_size: int
    intermediate_size: int
    num_hidden_layers: int
    num_attention_heads: int
    num_key_value_heads: int
    head_dim: int
    rms_norm_eps: float
    rope_theta: float
    max_position_embeddings: int
    tie_word_embeddings: bool = True


class _Layer(msgspec.Struct, frozen=True, kw_only=True):
    """One layer's matrices, transposed and joined for one product each."""

    qkv: Array
    out: Array
    gate_up: Array
    down: Array
    norm_in: Array
    norm_mid: Array


class Cache:
    """Keys and values of one row, allocated once; `length` columns are filled."""

    def __init__(self, shape: Shape, tokens_max: int) -> None:
        np = numpy()
        size = (shape.num_hidden_layers, shape.num_key_value_heads, tokens_max, shape.head_dim)
        self.keys = np.zeros(size, dtype=np.float32)
        self.values = np.zeros(size, dtype=np.float32)
        self.length = 0


class PocketModel:
    """A Llama of a few hundred thousand weights."""

    def __init__(self, shape: Shape, weights: dict[str, Array], tokens: PocketTokens, digest: Digest) -> None:
        self._np = np = numpy()
        self.shape, self.tokens, self.digest = shape, tokens, digest
        self._embedding = weights["model.embed_tokens.weight"]
        head = self._embedding if shape.tie_word_embeddings else weights["lm_head.weight"]
        self._head = np.ascontiguousarray(head.T)
        self._norm = weights["model.norm.weight"]
        self._layers = [_layer(np, weights, number) for number in range(shape.num_hidden_layers)]
        powers = np.arange(0, shape.head_dim, 2, dtype=np.float32) / shape.head_dim
        angles = np.outer(np.arange(shape.max_position_embeddings), shape.rope_theta**-powers)
        angles = np.concatenate([angles, angles], axis=1)
        self._cos = np.cos(angles).astype(np.float32)
        self._sin = np.sin(angles).astype(np.float32)

    @classmethod
    def load(cls, folder: Path = SHIPPED) -> PocketModel:
        """From a folder in the HF layout: config.json, tokenizer.json, model.safetensors."""
        try:
            shape = msgspec.json.decode((folder / "config.json").read_bytes(), type=Shape)
        except (OSError, msgspec.DecodeError) as error:
            raise _unusable(folder, f"config.json: {error}") from error
        if shape.model_type != "llama":
            raise _unusable(
                folder, f"it is of type {shape.model_type!r}; the pocket engine runs Llama's layout"
            )
        weights = folder / WEIGHTS_FILE
        if not weights.is_file():
            raise _unusable(folder, f"it has no {WEIGHTS_FILE}")
        tokens = PocketTokens.load(folder / "tokenizer.json")
        return cls(shape, read_weights(weights), tokens, digest_of(weights))

    def cache(self, tokens_max: int) -> Cache:
        return Cache(self.shape, min(tokens_max, self.shape.max_position_embeddings))

    def forward(self, ids: Sequence[int], cache: Cache) -> Array:
        """Read these tokens after what the cache holds; hidden states of each."""
        np, start, count = self._np, cache.length, len(ids)
        if start + count > cache.keys.shape[2]:
            raise InputError(
                "the conversation is longer than the pocket model reads",
                why=f"{start + count} tokens; the most is {cache.keys.shape[2]}",
                fix="send less, or ask for fewer tokens",
                code="pocket.too-long",
            )
        x = self._embedding[list(ids)]
        cos, sin = self._cos[start : start + count], self._sin[start : start + count]
        hidden = np.triu(np.full((count, count), -np.inf, dtype=np.float32), 1) if count > 1 else None
        for number, layer in enumerate(self._layers):
            parts = self._parts(x, layer, cos, sin)
            x = x + self._mix(parts, number, cache, hidden) @ layer.out
            gate, up = np.split(self._normed(x, layer.norm_mid) @ layer.gate_up, 2, axis=1)
            x = x + (gate / (1 + np.exp(-gate)) * up) @ layer.down
        cache.length = start + count
        return self._normed(x, self._norm)

    def _parts(self, x: Array, layer: _Layer, cos: Array, sin: Array) -> Array:
        """Queries, keys and values by head, queries and keys turned to their positions."""
        np, shape = self._np, self.shape
        heads, keys = shape.num_attention_heads, shape.num_key_value_heads
        joined = self._normed(x, layer.norm_in) @ layer.qkv
        parts = joined.reshape(len(x), heads + 2 * keys, shape.head_dim).transpose(1, 0, 2)
        return np.concatenate([_rotate(np, parts[: heads + keys], cos, sin), parts[heads + keys :]])

    def _mix(self, parts: Array, number: int, cache: Cache, hidden: Array | None) -> Array:
        """Attention of the new tokens to everything in the cache and to themselves."""
        np, shape, start, count = self._np, self.shape, cache.length, parts.shape[1]
        heads, keys, width = shape.num_attention_heads, shape.num_key_value_heads, shape.head_dim
        cache.keys[number, :, start : start + count] = parts[heads : heads + keys]
        cache.values[number, :, start : start + count] = parts[heads + keys :]
        all_keys = cache.keys[number, :, : start + count].repeat(heads // keys, axis=0)
        all_values = cache.values[number, :, : start + count].repeat(heads // keys, axis=0)
        scores = parts[:heads] @ all_keys.transpose(0, 2, 1) / math.sqrt(width)
        if hidden is not None:
            scores[:, :, start:] += hidden
        mixed = _softmax(np, scores) @ all_values
        return mixed.transpose(1, 0, 2).reshape(count, heads * width)

    def _normed(self, x: Array, weight: Array) -> Array:
        np = self._np
        scale = np.sqrt((x * x).mean(axis=-1, keepdims=True) + np.float32(self.shape.rms_norm_eps))
        return x / scale * weight

    def logits(self, hidden: Array) -> Array:
        return hidden @ self._head

    def log_probabilities(self, ids: Sequence[int], after: int) -> Array:
        """The log-probability of each token from place `after` on."""
        np = self._np
        hidden = self.forward(ids[:-1], self.cache(len(ids)))
        chosen = np.array(ids[after:])
        rows = _log_softmax(np, self.logits(hidden[after - 1 :]))
        return rows[np.arange(len(chosen)), chosen]


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """How the next token is chosen. Temperature 0 is greedy."""

    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 0
    seed: int = 0


def generate(
    model: PocketModel, prompt: Sequence[int], tokens_max: int, choice: Choice, begin_with: bytes = b""
) -> Iterator[tuple[int, float]]:
    """Tokens and their log-probabilities, up to the end token, which is yielded too.

    `begin_with` is what the answer must begin with, byte for byte: the word at which an earlier one was cut.
    """
    np = numpy()
    chance = np.random.Generator(np.random.PCG64(choice.seed))
    cache = model.cache(len(prompt) + tokens_max)
    hidden = model.forward(prompt, cache)
    for _ in range(min(tokens_max, cache.keys.shape[2] - len(prompt))):
        logits = model.logits(hidden[-1])
        if begin_with:
            logits = np.where(_fits(np, model, begin_with), logits, -np.inf)
        token = _choose(np, logits, choice, chance.random)
        begin_with = begin_with[len(model.tokens.pieces[token]) :]
        yield token, float(_log_softmax(np, logits)[token])
        if token == model.tokens.end or cache.length >= cache.keys.shape[2]:
            return
        hidden = model.forward([token], cache)


def _fits(np: Any, model: PocketModel, wanted: bytes) -> Array:
    """Which tokens begin as they must, or are the beginning of it."""
    pieces = model.tokens.pieces
    return np.array([bool(p) and (p.startswith(wanted) or wanted.startswith(p)) for p in pieces])


def _choose(np: Any, logits: Array, choice: Choice, draw: Callable[[], float]) -> int:
    if choice.temperature <= 0:
        return int(logits.argmax())
    order = np.argsort(-logits, kind="stable")
    odds = np.exp(_log_softmax(np, logits[order] / choice.temperature)).astype(np.float64)
    if choice.top_k > 0:
        odds[choice.top_k :] = 0
    if choice.top_p < 1:
        odds[1:][np.cumsum(odds)[:-1] >= choice.top_p] = 0
    total = np.cumsum(odds)
    return int(order[min(int(np.searchsorted(total, draw() * total[-1], side="right")), len(order) - 1)])


def _layer(np: Any, weights: dict[str, Array], number: int) -> _Layer:
    prefix = f"model.layers.{number}."
    attention, mlp = f"{prefix}self_attn.", f"{prefix}mlp."

    def joined(*names: str) -> Array:
        return np.ascontiguousarray(np.concatenate([weights[f"{name}.weight"] for name in names]).T)

    return _Layer(
        qkv=joined(f"{attention}q_proj", f"{attention}k_proj", f"{attention}v_proj"),
        out=joined(f"{attention}o_proj"),
        gate_up=joined(f"{mlp}gate_proj", f"{mlp}up_proj"),
        down=joined(f"{mlp}down_proj"),
        norm_in=weights[f"{prefix}input_layernorm.weight"],
        norm_mid=weights[f"{prefix}post_attention_layernorm.weight"],
    )


def _rotate(np: Any, x: Array, cos: Array, sin: Array) -> Array:
    half = x.shape[-1] // 2
    return x * cos + np.concatenate([-x[..., half:], x[..., :half]], axis=-1) * sin


def _softmax(np: Any, scores: Array) -> Array:
    odds = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return odds / odds.sum(axis=-1, keepdims=True)


def _log_softmax(np: Any, logits: Array) -> Array:
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def _unusable(folder: Path, why: str) -> InputError:
    return InputError(
        f"{folder} is not a model the pocket engine can run",
        why=why,
        fix="give a folder in the HF layout with a small Llama in it",
        code="pocket.model-unusable",
    )
