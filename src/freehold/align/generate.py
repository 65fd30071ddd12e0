"""Our batched engine: generation with a preallocated cache, and scoring that never generates.

Four things make it quick on small models and honest on large ones: prompts that begin alike share one
prefill; rows that are finished leave the batch; a verdict is read from two logits of a prefill; and the
matrices that can be multiplied together are joined once. A row's random draws depend on the seed and its
place, not on its batch. Shapes: B rows, T tokens, S cached columns, H heads, K key heads, D head width.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
import torch
import torch.nn.functional as F
from torch import Tensor

from freehold.align.model import Cache, LanguageModel, ModelConfig

PREFIX_TOKENS_MIN = 8  # sharing less is not worth its bookkeeping
DROP_SHARE = 0.25  # compact the batch once this share of it is finished
ROWS_MAX = 128


class Work(msgspec.Struct, kw_only=True):
    """What was computed, for the account: tokens and multiply-adds counted twice."""

    read_tokens: int = 0
    written_tokens: int = 0
    flops: int = 0

    def add(self, other: Work) -> None:
        self.read_tokens += other.read_tokens
        self.written_tokens += other.written_tokens
        self.flops += other.flops


class Generated(msgspec.Struct, frozen=True, kw_only=True):
    """One continuation; `ended`: by an end token, which is not in `ids`."""

    ids: tuple[int, ...]
    logprobs: tuple[float, ...]
    ended: bool
    read_tokens: int


class Sampling(msgspec.Struct, frozen=True, kw_only=True):
    tokens_max: int
    temperature: float = 1.0
    top_p: float = 1.0
    seed: int = 0


Stop = Callable[[Sequence[int]], bool]
"""Asked after each token of a row: does this text end here?"""


def forward_flops(config: ModelConfig, tokens: int, context: int, logits: int) -> int:
    """2 for each weight a token meets, 4 for each cached column it attends to, 2 for each logit."""
    width = config.num_attention_heads * config.head_dim
    body = config.parameters(embedding=False) - config.vocab_size * config.hidden_size
    return (
        2 * body * tokens + 4 * config.num_hidden_layers * width * context + 2 * config.hidden_size * logits
    )


class Runner:
    """The model's forward pass for inference, its matrices joined. Reads the weights at creation."""

    def __init__(self, model: LanguageModel) -> None:
        self.config, self.rope, self.head = model.config, model.rope, model.head.detach()
        self.embedding = model.model.embed_tokens.weight.detach()
        self.norm = model.model.norm.weight.detach()
        self.layers = [_joined(layer) for layer in model.model.layers]

    @torch.inference_mode()
    def forward(
        self, ids_BT: Tensor, positions_BT: Tensor, mask: Tensor | None, cache: Cache, start: int
    ) -> Tensor:
        config = self.config
        heads, keys, width, eps = (
            config.num_attention_heads, config.num_key_value_heads, config.head_dim, config.rms_norm_eps,
        )  # fmt: skip
        rows, tokens = ids_BT.shape
        x = F.embedding(ids_BT, self.embedding)
        cos, sin = (part.transpose(-3, -2) for part in self.rope(positions_BT, x.dtype))
        for number, layer in enumerate(self.layers):
            joined = F.linear(_normed(x, layer.norm_in, eps), layer.qkv, layer.qkv_bias)
            parts = joined.view(rows, tokens, heads + 2 * keys, width)
            turned, value = parts[:, :, : heads + keys], parts[:, :, heads + keys :]
            if layer.q_norm is not None and layer.k_norm is not None:
                turned = torch.cat(
                    [
                        _normed(turned[:, :, :heads], layer.q_norm, eps),
                        _normed(turned[:, :, heads:], layer.k_norm, eps),
                    ],
                    2,
                )
            half = width // 2
            swapped = torch.cat([-turned[..., half:], turned[..., :half]], dim=-1)
            turned = torch.addcmul(turned * cos, swapped, sin).transpose(1, 2)
            key, value = cache.put(number, start, turned[:, heads:], value.transpose(1, 2))
            mixed = F.scaled_dot_product_attention(
                turned[:, :heads], key, value, attn_mask=mask, is_causal=mask is None and tokens > 1,
                enable_gqa=heads != keys,
            )  # fmt: skip
            x = x + F.linear(mixed.transpose(1, 2).reshape(rows, tokens, -1), layer.out, layer.out_bias)
            gate, up = F.linear(_normed(x, layer.norm_mid, eps), layer.gate_up).chunk(2, dim=-1)
            x = x + F.linear(F.silu(gate) * up, layer.down)
        return _normed(x, self.norm, eps)

    def logits(self, hidden: Tensor) -> Tensor:
        return F.linear(hidden, self.head).float()


class _Joined(msgspec.Struct, frozen=True, kw_only=True):
    qkv: Tensor
    qkv_bias: Tensor | None
    out: Tensor
    out_bias: Tensor | None
    gate_up: Tensor
    down: Tensor
    norm_in: Tensor
    norm_mid: Tensor
    q_norm: Tensor | None
    k_norm: Tensor | None


def _joined(layer: torch.nn.Module) -> _Joined:
    weights = {name: weight.detach() for name, weight in layer.named_parameters()}

    def join(names: tuple[str, ...], kind: str) -> Tensor | None:
        found = [weights[f"{name}.{kind}"] for name in names if f"{name}.{kind}" in weights]
        return torch.cat(found) if found else None

    qkv = join(("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"), "weight")
    gate_up = join(("mlp.gate_proj", "mlp.up_proj"), "weight")
    assert qkv is not None and gate_up is not None  # every layer has them
    return _Joined(
        qkv=qkv,
        qkv_bias=join(("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"), "bias"),
        out=weights["self_attn.o_proj.weight"],
        out_bias=weights.get("self_attn.o_proj.bias"),
        gate_up=gate_up,
        down=weights["mlp.down_proj.weight"],
        norm_in=weights["input_layernorm.weight"],
        norm_mid=weights["post_attention_layernorm.weight"],
        q_norm=weights.get("self_attn.q_norm.weight"),
        k_norm=weights.get("self_attn.k_norm.weight"),
    )


def _normed(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    return F.rms_norm(x, (x.shape[-1],), weight, eps)


class Generator:
    """Continues prompts and scores what could follow them."""

    def __init__(
        self, model: LanguageModel, *, end_ids: Sequence[int], pad_id: int = 0, rows_max: int = ROWS_MAX
    ) -> None:
        self._runner = Runner(model)
        self.config = model.config
        self._ends = frozenset(end_ids)
        self._pad, self._rows_max = pad_id, rows_max
        self._device = model.head.device
        self.work = Work()

    @torch.inference_mode()
    def generate(
        self, prompts: Sequence[Sequence[int]], how: Sampling, stop: Stop | None = None
    ) -> list[Generated]:
        """A continuation of each prompt, in order."""
        draws = torch.rand(
            (len(prompts), how.tokens_max),
            generator=torch.Generator().manual_seed(how.seed),
            dtype=torch.float64,
        )
        order = sorted(range(len(prompts)), key=lambda place: len(prompts[place]))
        done: list[Generated | None] = [None] * len(prompts)
        for first in range(0, len(order), self._rows_max):
            places = order[first : first + self._rows_max]
            batch = [prompts[place] for place in places]
            for place, made in zip(places, self._batch(batch, draws[places], how, stop), strict=True):
                done[place] = made
        return [made for made in done if made is not None]

    def _batch(
        self, prompts: list[Sequence[int]], draws: Tensor, how: Sampling, stop: Stop | None
    ) -> list[Generated]:
        prefix = shared_prefix(prompts)
        layout = _Columns(prompts, prefix, how.tokens_max, self._device)
        cache = self._read_prefix(prompts[0], prefix, len(prompts), layout.start + how.tokens_max)
        ids = torch.tensor(
            [[self._pad] * (layout.start - len(prompt)) + list(prompt[prefix:]) for prompt in prompts],
            device=self._device,
        )
        hidden = self._runner.forward(ids, layout.prompt_positions(), layout.prompt_mask(), cache, prefix)[
            :, -1
        ]
        lengths = [len(prompt) - prefix for prompt in prompts]
        self.work.read_tokens += sum(lengths)
        context = sum(n * prefix + n * (n + 1) // 2 for n in lengths)
        self._count(sum(lengths), context, len(prompts) * self.config.vocab_size)
        rows = _Rows(len(prompts), self._ends, stop)
        self._write(hidden, cache, layout, draws, how, rows)
        return [
            Generated(ids=tuple(made), logprobs=tuple(odds), ended=ended, read_tokens=len(prompt))
            for made, odds, ended, prompt in zip(rows.made, rows.odds, rows.ended, prompts, strict=True)
        ]

    def _write(
        self, hidden: Tensor, cache: Cache, layout: _Columns, draws: Tensor, how: Sampling, rows: _Rows
    ) -> None:
        """Token by token, until every row has ended or the limit is reached."""
        for step in range(how.tokens_max):
            logits = self._runner.logits(hidden)
            chosen, chances = choose(logits, draws[rows.live, step].to(self._device), how)
            self.work.written_tokens += rows.open_count
            rows.take(chosen.tolist(), chances.tolist())
            if rows.open_count == 0 or step + 1 == how.tokens_max:
                return
            if (slots := rows.compact()) is not None:
                kept = torch.tensor(slots, device=self._device)
                cache.keep(kept)
                chosen = chosen[kept]
                layout.keep(kept)
            at = layout.start + step
            hidden = self._runner.forward(chosen[:, None], layout.positions(at), layout.mask(at), cache, at)[
                :, -1
            ]
            count = len(rows.live)
            self._count(count, count * (at + 1), count * self.config.vocab_size)

    @torch.inference_mode()
    def score_next(self, prompts: Sequence[Sequence[int]], candidates: Sequence[int]) -> Tensor:
        """The log-probabilities of these tokens after each prompt: a prefill and one row of logits each."""
        hidden = self._last_hidden(prompts)
        self._count(0, 0, len(prompts) * self.config.vocab_size)
        return F.log_softmax(self._runner.logits(hidden), dim=-1)[:, list(candidates)].cpu()

    @torch.inference_mode()
    def score(
        self, prompts: Sequence[Sequence[int]], continuations: Sequence[Sequence[int]]
    ) -> list[tuple[float, ...]]:
        """The log-probability of each token of each continuation after its prompt."""
        found: list[tuple[float, ...]] = []
        for first in range(0, len(prompts), self._rows_max):
            pairs = list(
                zip(
                    prompts[first : first + self._rows_max],
                    continuations[first : first + self._rows_max],
                    strict=True,
                )
            )
            whole = [[*prompt, *more] for prompt, more in pairs]
            hidden = self._read(whole, 0, None)
            for row, (prompt, more) in enumerate(pairs):
                places = hidden[row, len(prompt) - 1 : len(prompt) + len(more) - 1]
                odds = F.log_softmax(self._runner.logits(places), dim=-1)
                found.append(tuple(odds[range(len(more)), list(more)].tolist()))
                self._count(0, 0, len(more) * self.config.vocab_size)
        return found

    @torch.inference_mode()
    def log_distributions(self, prompts: Sequence[Sequence[int]], answers: Sequence[Sequence[int]]) -> Tensor:
        """What the model expected at every place of the answers: one row of log-probabilities a token."""
        whole = [[*prompt, *more] for prompt, more in zip(prompts, answers, strict=True)]
        hidden = self._read(whole, 0, None)
        places = [
            hidden[row, len(prompt) - 1 : len(prompt) + len(more) - 1]
            for row, (prompt, more) in enumerate(zip(prompts, answers, strict=True))
        ]
        found = F.log_softmax(self._runner.logits(torch.cat(places)), dim=-1)
        self._count(0, 0, found.numel())
        return found

    def _last_hidden(self, prompts: Sequence[Sequence[int]]) -> Tensor:
        order = sorted(range(len(prompts)), key=lambda place: len(prompts[place]))
        found: list[Tensor] = [torch.empty(0)] * len(prompts)
        for first in range(0, len(order), self._rows_max):
            places = order[first : first + self._rows_max]
            batch = [prompts[place] for place in places]
            prefix = shared_prefix(batch)
            cache = (
                self._read_prefix(batch[0], prefix, len(batch), max(len(p) for p in batch))
                if prefix
                else None
            )
            hidden = self._read([prompt[prefix:] for prompt in batch], prefix, cache)
            for row, place in enumerate(places):
                found[place] = hidden[row, len(prompts[place]) - prefix - 1]
        return torch.stack(found)

    def _read(self, rows: Sequence[Sequence[int]], prefix: int, cache: Cache | None) -> Tensor:
        """Hidden states of rows padded on the right, each after the same prefix."""
        longest = max(len(row) for row in rows)
        ids = torch.tensor([[*row, *[self._pad] * (longest - len(row))] for row in rows], device=self._device)
        if cache is None:
            cache = Cache(self.config, len(rows), longest, self._runner.head)
        positions = torch.arange(prefix, prefix + longest, device=self._device).expand(len(rows), -1)
        mask = _causal_mask(prefix, longest, self._device) if prefix else None
        lengths = [len(row) for row in rows]
        self.work.read_tokens += sum(lengths)
        self._count(sum(lengths), sum(n * prefix + n * (n + 1) // 2 for n in lengths), 0)
        return self._runner.forward(ids, positions, mask, cache, prefix)

    def _read_prefix(self, prompt: Sequence[int], prefix: int, rows: int, columns: int) -> Cache:
        """Read what all prompts begin with once, and give every row a copy."""
        cache = Cache(self.config, rows, columns, self._runner.head)
        if prefix == 0:
            return cache
        one = Cache(self.config, 1, prefix, self._runner.head)
        ids = torch.tensor([list(prompt[:prefix])], device=self._device)
        self._runner.forward(ids, torch.arange(prefix, device=self._device)[None], None, one, 0)
        cache.keys[:, :, :, :prefix] = one.keys
        cache.values[:, :, :, :prefix] = one.values
        self.work.read_tokens += prefix
        self._count(prefix, prefix * (prefix + 1) // 2, 0)
        return cache

    def _count(self, tokens: int, context: int, logits: int) -> None:
        self.work.flops += forward_flops(self.config, tokens, context, logits)


class _Columns:
    """Where the columns of a left-padded batch are: a shared prefix, padding, the rest, what is written."""

    def __init__(
        self, prompts: Sequence[Sequence[int]], prefix: int, tokens_max: int, device: torch.device
    ) -> None:
        longest = max(len(prompt) for prompt in prompts)
        self.prefix, self.start = prefix, longest
        self._padding = torch.tensor([longest - len(prompt) for prompt in prompts], device=device)
        self._columns = torch.arange(longest + tokens_max, device=device)
        self.keep(torch.arange(len(prompts), device=device))

    def keep(self, slots: Tensor) -> None:
        self._padding = self._padding[slots]
        self._padded = bool(self._padding.any())
        self._visible = (self._columns < self.prefix) | (
            self._columns >= self.prefix + self._padding[:, None]
        )

    def positions(self, at: int) -> Tensor:
        return (at - self._padding)[:, None]

    def mask(self, at: int) -> Tensor | None:
        return self._visible[:, None, None, : at + 1] if self._padded else None

    def prompt_positions(self) -> Tensor:
        return (self._columns[self.prefix : self.start] - self._padding[:, None]).clamp(min=0)

    def prompt_mask(self) -> Tensor | None:
        """Causal, blind to padding; a padding row sees itself, so that no row sees nothing."""
        if not self._padded and self.prefix == 0:
            return None
        rows = self._columns[self.prefix : self.start, None]
        causal = self._columns[: self.start] <= rows
        itself = self._columns[: self.start] == rows
        return ((causal & self._visible[:, None, : self.start]) | itself)[:, None]


class _Rows:
    """What each row has written so far, and which rows are still in the batch."""

    def __init__(self, count: int, ends: frozenset[int], stop: Stop | None) -> None:
        self.made: list[list[int]] = [[] for _ in range(count)]
        self.odds: list[list[float]] = [[] for _ in range(count)]
        self.ended = [False] * count
        self.live = list(range(count))
        self._ends, self._stop = ends, stop

    @property
    def open_count(self) -> int:
        return sum(not self.ended[row] for row in self.live)

    def take(self, tokens: list[int], chances: list[float]) -> None:
        for row, token, chance in zip(self.live, tokens, chances, strict=True):
            if self.ended[row]:
                continue
            self.odds[row].append(chance)
            if token in self._ends:
                self.ended[row] = True
                continue
            self.made[row].append(token)
            self.ended[row] = self._stop is not None and self._stop(self.made[row])

    def compact(self) -> list[int] | None:
        """The slots to go on with, once enough of the batch has ended."""
        if len(self.live) - self.open_count < len(self.live) * DROP_SHARE:
            return None
        slots = [slot for slot, row in enumerate(self.live) if not self.ended[row]]
        if len(slots) == len(self.live):
            return None
        self.live = [self.live[slot] for slot in slots]
        return slots


def choose(logits: Tensor, draws: Tensor, how: Sampling) -> tuple[Tensor, Tensor]:
    """A token of each row and its log-probability: the best one, or the one the draw falls on."""
    odds = F.log_softmax(logits, dim=-1)
    if how.temperature <= 0:
        chosen = logits.argmax(dim=-1)
        return chosen, odds.gather(1, chosen[:, None])[:, 0]
    chances = F.softmax(logits.double() / how.temperature, dim=-1)
    if how.top_p < 1:
        ordered, places = chances.sort(dim=-1, descending=True, stable=True)
        beyond = ordered.cumsum(dim=-1) - ordered >= how.top_p
        chances = torch.zeros_like(chances).scatter(1, places, ordered.masked_fill(beyond, 0.0))
    total = chances.cumsum(dim=-1)
    chosen = torch.searchsorted(total, (draws * total[:, -1])[:, None], right=True)[:, 0]
    chosen = chosen.clamp(max=logits.shape[-1] - 1)
    return chosen, odds.gather(1, chosen[:, None])[:, 0]


def shared_prefix(prompts: Sequence[Sequence[int]]) -> int:
    """How many tokens all prompts begin with, their last one apart; 0 if that is not worth sharing."""
    if len(prompts) < 2:
        return 0
    low, high = min(map(list, prompts)), max(map(list, prompts))
    most = min(len(prompt) for prompt in prompts) - 1
    same = 0
    while same < most and low[same] == high[same]:
        same += 1
    return same if same >= PREFIX_TOKENS_MIN else 0


def _causal_mask(prefix: int, tokens: int, device: torch.device) -> Tensor:
    columns = torch.arange(prefix + tokens, device=device)
    return (columns <= columns[prefix:, None])[None, None]
