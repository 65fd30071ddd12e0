"""How the pocket model is made: our own documents, packed rows, one pass, one seed.

Deterministic on one machine at one thread: the same seed gives the same weights, bit for bit. Rows are packed
from mixed documents on purpose. (Sorting by length makes every batch one kind of document, and the model then
answers a human with a comparison a third of the time, while its greedy answers still look perfect.)
"""

from __future__ import annotations

import hashlib
import math
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import torch
import torch.nn.functional as F
from torch import Tensor

from freehold.align.checkpoint import Manifest, save_model, weights_digest
from freehold.align.model import LanguageModel, ModelConfig, initialise
from freehold.pocket.lm.documents import Writer
from freehold.pocket.lm.tokens import PocketTokens, train_tokens

TOKENIZER_DOCUMENTS = 20_000
CARD_FILE = "recipe.json"


class BaseRecipe(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that decides the weights."""

    seed: int = 1
    vocab_size: int = 1024
    hidden_size: int = 96
    layers: int = 4
    heads: int = 3
    intermediate_size: int = 256
    row_tokens: int = 256
    rows: int = 8
    steps: int = 3000
    warmup_steps: int = 100
    learning_rate: float = 4e-3
    weight_decay: float = 0.05
    clip: float = 1.0


Watch = Callable[[int, float], None]


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """What a base model is made of; lies beside it as recipe.json."""

    recipe: BaseRecipe
    parameters: int
    tokens: int
    data: str
    weights: str
    torch: str


def pocket_config(recipe: BaseRecipe) -> ModelConfig:
    return ModelConfig(
        family="llama",
        vocab_size=recipe.vocab_size,
        hidden_size=recipe.hidden_size,
        intermediate_size=recipe.intermediate_size,
        num_hidden_layers=recipe.layers,
        num_attention_heads=recipe.heads,
        num_key_value_heads=recipe.heads,
        head_dim=recipe.hidden_size // recipe.heads,
        tie_word_embeddings=True,
        max_position_embeddings=1024,
        rope_theta=10_000.0,
    )


def make_tokens(recipe: BaseRecipe, path: Path) -> PocketTokens:
    writer = Writer(recipe.seed)
    texts = (f" {part.text}" for _ in range(TOKENIZER_DOCUMENTS) for part in writer.document())
    train_tokens(texts, recipe.vocab_size).save(str(path))
    return PocketTokens.load(path)


class Packer:
    """Fills rows with documents end to end, and hashes all of it: the data's digest is part of the card."""

    def __init__(self, tokens: PocketTokens, seed: int) -> None:
        self._tokens, self._writer = tokens, Writer(seed + 1)
        self._ids: list[int] = []
        self._weights: list[float] = []
        self.digest = hashlib.sha256()

    def row(self, length: int) -> tuple[list[int], list[float]]:
        while len(self._ids) < length:
            ids, weights = self._tokens.document(self._writer.document())
            self.digest.update(b",".join(b"%d" % number for number in ids))
            self._ids += ids
            self._weights += weights
        ids, self._ids = self._ids[:length], self._ids[length:]
        weights, self._weights = self._weights[:length], self._weights[length:]
        return ids, weights


def rate(recipe: BaseRecipe, step: int) -> float:
    """Warm up, then a cosine to a fiftieth."""
    if step < recipe.warmup_steps:
        return recipe.learning_rate * (step + 1) / recipe.warmup_steps
    done = (step - recipe.warmup_steps) / max(1, recipe.steps - recipe.warmup_steps)
    return recipe.learning_rate * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * done)))


def batches(recipe: BaseRecipe, packer: Packer) -> Iterator[tuple[Tensor, Tensor]]:
    for _ in range(recipe.steps):
        rows = [packer.row(recipe.row_tokens + 1) for _ in range(recipe.rows)]
        yield torch.tensor([ids for ids, _ in rows]), torch.tensor([weights for _, weights in rows])


def weighted_loss(model: LanguageModel, ids_BT: Tensor, weights_BT: Tensor) -> Tensor:
    hidden = model(ids_BT[:, :-1])
    losses = F.cross_entropy(model.logits(hidden).flatten(0, 1), ids_BT[:, 1:].flatten(), reduction="none")
    weights = weights_BT[:, 1:].flatten()
    return (losses * weights).sum() / weights.sum()


def train_base(
    recipe: BaseRecipe, tokens: PocketTokens, watch: Watch | None = None
) -> tuple[LanguageModel, str]:
    """The model, and the digest of what it read."""
    model = LanguageModel(pocket_config(recipe))
    initialise(model, recipe.seed)
    packer = Packer(tokens, recipe.seed)
    matrices = [weight for weight in model.parameters() if weight.ndim >= 2]
    vectors = [weight for weight in model.parameters() if weight.ndim < 2]
    optimizer = torch.optim.AdamW(
        [{"params": matrices, "weight_decay": recipe.weight_decay}, {"params": vectors, "weight_decay": 0.0}],
        lr=recipe.learning_rate, betas=(0.9, 0.95), fused=True,
    )  # fmt: skip
    for step, (ids, weights) in enumerate(batches(recipe, packer)):
        for group in optimizer.param_groups:
            group["lr"] = rate(recipe, step)
        loss = weighted_loss(model, ids, weights)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), recipe.clip)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        if watch is not None:
            watch(step, loss.item())
    return model, f"sha256:{packer.digest.hexdigest()}"


def build_base(recipe: BaseRecipe, folder: Path, watch: Watch | None = None) -> Card:
    """Tokenizer, weights and card, in a folder in the HF layout. One thread, so that it can be repeated."""
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "tokenizer.json"
        model, data = train_base(recipe, make_tokens(recipe, path), watch)
        save_model(model, path, folder, Manifest(run="pocket-base", stage="base", step=recipe.steps))
    card = Card(
        recipe=recipe,
        parameters=model.config.parameters(),
        tokens=recipe.steps * recipe.rows * recipe.row_tokens,
        data=data,
        weights=weights_digest(folder),
        torch=str(torch.__version__),
    )
    (folder / CARD_FILE).write_bytes(msgspec.json.format(msgspec.json.encode(card), indent=2) + b"\n")
    return card
