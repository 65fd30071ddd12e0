"""A home as a sampler: one request each, all at once, through the home's own dialect."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec

from freehold import wire
from freehold.dialects import Target, codec
from freehold.errors import UnavailableError
from freehold.types.conversation import Answer, Text
from freehold.types.homes import Home
from freehold.types.sampling import NotSupported, Sample, SampleRequest, ScoreRequest, Scores


class HomeSampler:
    def __init__(self, home: Home, credential: str | None) -> None:
        self._home, self._credential = home, credential

    async def sample(self, asked: Sequence[SampleRequest]) -> Sequence[Sample]:
        return await asyncio.gather(*(self._one(one) for one in asked))

    async def score(self, items: Sequence[ScoreRequest]) -> Scores | NotSupported:
        return NotSupported(why="a home is only asked for samples here")

    async def _one(self, request: SampleRequest) -> Sample:
        home = self._home
        far = codec(home.api or "openai")
        conversation = msgspec.structs.replace(
            request.conversation, max_tokens=request.max_tokens, temperature=request.temperature
        )
        target = Target(api=home.api or "openai", model=home.model_name or home.model or "")
        sent = far.write_request(conversation, target)
        headers = dict(sent.headers)
        if self._credential:
            headers["authorization"] = f"Bearer {self._credential}"
        try:
            url = (home.url or "").rstrip("/") + sent.path
            async with await wire.request(sent.method, url, headers=headers, body=sent.body) as response:
                body = await response.read()
        except (OSError, TimeoutError, wire.WireError) as error:
            raise UnavailableError(
                f"the home {home.id} could not be reached", why=type(error).__name__,
                fix="check its url and that it runs", code="plan.home-unreachable",
            ) from error  # fmt: skip
        if response.status >= 400:
            raise UnavailableError(
                f"the home {home.id} answered {response.status}", why="it did not take the probe",
                fix="check its credential and model_name", code="plan.home-refused",
            )  # fmt: skip
        answer: Answer = far.read_answer(body)
        text = "".join(block.text for block in answer.blocks if isinstance(block, Text))
        return Sample(text=text, finish=answer.finish, usage=answer.usage, home=home.id)
