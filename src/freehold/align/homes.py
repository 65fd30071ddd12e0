"""Sampling from a home over HTTP, and publishing new weights to it.

The home speaks the openai dialect, which gives no token ids and, at most homes, no log-probabilities: so it
samples, and the critic stays where the logits are, or counts votes. New weights are sent as a folder both
sides can read and a digest that the home checks before it changes over. A sample made with other weights
than those last published is stale, and counted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import msgspec

from freehold import wire
from freehold.dialects import Target, codec
from freehold.errors import IntegrityError, UnavailableError
from freehold.types.conversation import Text
from freehold.types.names import Digest, HomeId
from freehold.types.sampling import NotSupported, Sample, SampleRequest, ScoreRequest, Scores

WEIGHTS_PATH = "/_pocket/weights"
TOKEN_HEADER = "x-pocket-token"  # noqa: S105  # the name of a header
CALLS_AT_ONCE = 8
SEED_MASK = 2**31 - 1


class _Weights(msgspec.Struct, frozen=True):
    digest: Digest


class SamplingHome:
    """A sampler and a publisher for one home."""

    def __init__(self, url: str, *, token: str = "", model: str = "pocket", dialect: str = "openai") -> None:
        self._url, self._token, self._model, self._dialect = url.rstrip("/"), token, model, dialect
        self._codec = codec(dialect)
        self.published: Digest | None = None
        self.stale = 0  # samples that came from other weights than those last published
        self.sampler = self
        self.publisher = self

    async def sample(self, requests: Sequence[SampleRequest]) -> Sequence[Sample]:
        now = await self.weights()
        gate = asyncio.Semaphore(CALLS_AT_ONCE)

        async def one(place: int, request: SampleRequest) -> Sample:
            async with gate:
                return await self._one(request, place, now)

        return await asyncio.gather(*(one(place, request) for place, request in enumerate(requests)))

    async def score(self, items: Sequence[ScoreRequest]) -> Scores | NotSupported:
        return NotSupported(
            why=f"the home at {self._url} gives no log-probabilities of words it did not write"
        )

    async def weights(self) -> Digest | None:
        """What the home answers with; None where it does not say."""
        response = await wire.request("GET", self._url + WEIGHTS_PATH, headers=self._headers())
        async with response:
            body = await response.read()
        return msgspec.json.decode(body, type=_Weights).digest if response.status == 200 else None

    async def publish(self, weights: Path, digest: Digest) -> None:
        """Have the home change to these weights. It checks the digest itself; we check that it did."""
        body = msgspec.json.encode({"folder": str(weights.parent), "digest": digest})
        try:
            response = await wire.request("PUT", self._url + WEIGHTS_PATH, headers=self._headers(), body=body)
            async with response:
                said = await response.read()
        except (OSError, TimeoutError, wire.WireError) as error:
            raise UnavailableError(
                f"new weights cannot be published to {self._url}",
                why=str(error) or type(error).__name__,
                fix="start the sampling home again, then: freehold align resume RUN",
                code="align.sampler-away",
            ) from error
        if response.status != 200 or msgspec.json.decode(said, type=_Weights).digest != digest:
            raise IntegrityError(
                f"the home at {self._url} did not take the new weights",
                why=said[:300].decode(errors="replace"),
                fix="check its token and that it can read the run's folder",
                code="align.not-published",
            )
        self.published = digest

    async def _one(self, request: SampleRequest, place: int, weights: Digest | None) -> Sample:
        asked = msgspec.structs.replace(
            request.conversation, model=self._model, max_tokens=request.max_tokens,
            temperature=request.temperature, top_p=request.top_p, stop=request.stop,
        )  # fmt: skip
        sent = self._codec.write_request(asked, Target(api=self._dialect, model=self._model))
        response = await wire.request(
            "POST", self._url + sent.path, headers=dict(sent.headers), body=sent.body
        )
        async with response:
            body = await response.read()
        if response.status != 200:
            raise OSError(f"status {response.status}: {body[:200].decode(errors='replace')}")
        answer = self._codec.read_answer(body)
        if self.published is not None and weights != self.published:
            self.stale += 1
        return Sample(
            text="".join(block.text for block in answer.blocks if isinstance(block, Text)),
            finish=answer.finish, usage=answer.usage, home=HomeId(self._url), weights_digest=weights,
        )  # fmt: skip

    def _headers(self) -> dict[str, str]:
        return {"content-type": "application/json", TOKEN_HEADER: self._token}
