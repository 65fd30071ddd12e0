"""Asking the model that is being trained, in this process: `Sampler` over our own batched engine."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import torch

from freehold.align.checkpoint import eos_ids, load_model, weights_digest
from freehold.align.generate import Generator, Sampling, Work
from freehold.align.layout import Layout, layout_for
from freehold.align.model import LanguageModel
from freehold.types.conversation import Conversation, Usage
from freehold.types.names import Digest
from freehold.types.sampling import NotSupported, Sample, SampleRequest, ScoreRequest, Scores

SEED_MODULUS = 2**62


class LocalSampler:
    """One set of weights, ready to answer. Requests of one call that ask alike run as one batch."""

    def __init__(self, model: LanguageModel, layout: Layout, digest: Digest) -> None:
        self.layout, self.digest, self.config = layout, digest, model.config
        self._generator = Generator(model, end_ids=layout.end_ids, pad_id=layout.pad_id)

    @classmethod
    def load(cls, folder: Path, *, device: torch.device, dtype: torch.dtype) -> LocalSampler:
        layout = layout_for(folder, eos_ids(folder))
        return cls(load_model(folder, device=device, dtype=dtype), layout, weights_digest(folder))

    @property
    def work(self) -> Work:
        return self._generator.work

    def fits(self, conversation: Conversation, tokens_max: int) -> bool:
        """Is there room for this conversation and so long an answer?"""
        return len(self.layout.prompt(conversation)) + tokens_max <= self.config.max_position_embeddings

    async def sample(self, requests: Sequence[SampleRequest]) -> Sequence[Sample]:
        return await asyncio.to_thread(self.sample_now, requests)

    def sample_now(self, requests: Sequence[SampleRequest]) -> list[Sample]:
        found: dict[int, Sample] = {}
        groups: dict[Sampling, list[int]] = {}
        for place, request in enumerate(requests):
            how = Sampling(
                tokens_max=request.max_tokens,
                temperature=request.temperature,
                top_p=request.top_p,
                seed=(request.seed or 0) % SEED_MODULUS,
            )
            groups.setdefault(how, []).append(place)
        for how, places in groups.items():
            prompts = [self.layout.prompt(requests[place].conversation) for place in places]
            for place, made in zip(
                places, self._generator.generate(prompts, how, self.layout.stops), strict=True
            ):
                found[place] = Sample(
                    text=self.layout.decode(made.ids),
                    token_ids=made.ids,
                    logprobs=made.logprobs if requests[place].logprobs else None,
                    finish="stop" if made.ended else "length",
                    usage=Usage(fresh=made.read_tokens, output=len(made.ids)),
                    weights_digest=self.digest,
                )
        return [found[place] for place in range(len(requests))]

    async def score(self, items: Sequence[ScoreRequest]) -> Scores | NotSupported:
        return await asyncio.to_thread(self.score_now, items)

    def score_now(self, items: Sequence[ScoreRequest]) -> Scores:
        """Single-token continuations, the same ones for all, are read from one prefill."""
        prompts = [self.layout.prompt(item.conversation) for item in items]
        ids = [[self.layout.continuation(text) for text in item.continuations] for item in items]
        if items and all(found == ids[0] for found in ids) and all(len(one) == 1 for one in ids[0]):
            odds = self._generator.score_next(prompts, [one[0] for one in ids[0]])
            rows = tuple(tuple(row) for row in odds.tolist())
            return Scores(logprobs=rows, weights_digest=self.digest)
        flat_prompts = [prompt for prompt, found in zip(prompts, ids, strict=True) for _ in found]
        flat = self._generator.score(flat_prompts, [one for found in ids for one in found])
        sums = iter(sum(odds) for odds in flat)
        return Scores(
            logprobs=tuple(tuple(next(sums) for _ in found) for found in ids), weights_digest=self.digest
        )

    @torch.inference_mode()
    def log_distributions(self, pairs: Sequence[tuple[list[int], list[int]]]) -> torch.Tensor:
        """Log-probabilities of every word at every place of the answers: one row a token."""
        return self._generator.log_distributions(
            [prompt for prompt, _ in pairs], [answer for _, answer in pairs]
        )
