"""A home as a sampler: one request each, all at once, over the same transport as the gateway's calls."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec

from freehold import wire
from freehold.clock import SystemClock
from freehold.dialects import Target, codec
from freehold.dialects.base import WireRequest
from freehold.dialects.fitting import Fit, fit
from freehold.errors import UnavailableError
from freehold.gateway.auth import Identity, identity
from freehold.gateway.transports import TRANSPORTS, api_of, key_header, reach
from freehold.types.conversation import Answer, Conversation, Text
from freehold.types.homes import Home
from freehold.types.sampling import NotSupported, Sample, SampleRequest, ScoreRequest, Scores

SIGNER_TRIES, SIGNER_SECONDS = 100, 0.2


class HomeRefusedError(UnavailableError):
    """A home answered with an error status."""

    def __init__(self, home: str, status: int) -> None:
        super().__init__(
            f"the home {home} answered {status}", why="it did not take what it was asked",
            fix="check its credential and model_name", code="plan.home-refused",
        )  # fmt: skip
        self.status = status


class HomeSampler:
    """Address, headers and credential are those of its api; an identity signs where there is no key."""

    def __init__(self, home: Home, credential: str | None) -> None:
        self._home, self._credential = home, credential
        self._api = api_of(home.api or "")
        self._transport, self._codec = TRANSPORTS[self._api], codec(self._api)
        self._reach = reach(home, self._api)
        options = dict(home.options)
        if home.region is not None:
            options.setdefault("location", home.region)
        self.target = Target(
            api=self._api, model=home.model_name or home.model or "",
            api_version=home.options.get("api_version"), options=options,
        )  # fmt: skip

    async def sample(self, asked: Sequence[SampleRequest]) -> Sequence[Sample]:
        signer = self.signer()
        try:
            return await asyncio.gather(*(self._one(one, signer) for one in asked))
        finally:
            if signer is not None:
                signer.close()

    async def score(self, items: Sequence[ScoreRequest]) -> Scores | NotSupported:
        return NotSupported(why="a home is only asked for samples here")

    def signer(self) -> Identity | None:
        row = self._transport
        if self._credential is not None or row.identity == "none" or not self._reach.secure:
            return None
        return identity(
            row.identity, self._home, service=row.signing_name, scope=row.scope, clock=SystemClock()
        )

    async def _one(self, request: SampleRequest, signer: Identity | None) -> Sample:
        conversation = msgspec.structs.replace(
            request.conversation, model=self.target.model, max_tokens=request.max_tokens,
            temperature=request.temperature, top_p=request.top_p, stop=request.stop,
        )  # fmt: skip
        fitted = fit(conversation, self.target)
        if not isinstance(fitted, Fit):
            raise UnavailableError(
                f"the home {self._home.id} cannot be asked", why=fitted.reason,
                fix="probe another home, or give measurements in a file", code="plan.home-refused",
            )  # fmt: skip
        answer = await self.answer(fitted.conversation, signer)
        text = "".join(block.text for block in answer.blocks if isinstance(block, Text))
        return Sample(text=text, finish=answer.finish, usage=answer.usage, home=self._home.id)

    async def answer(self, fitted: Conversation, signer: Identity | None) -> Answer:
        """One whole answer to a conversation that was fitted to this home."""
        sent = self._codec.write_request(fitted, self.target)
        try:
            url, headers = await self._addressed(sent, signer)
            response = await wire.request(sent.method, url, headers=headers, body=sent.body)
            async with response:
                body = await response.read()
        except (OSError, TimeoutError, wire.WireError) as error:
            raise UnavailableError(
                f"the home {self._home.id} could not be reached", why=type(error).__name__,
                fix="check its url and that it runs", code="plan.home-unreachable",
            ) from error  # fmt: skip
        if response.status >= 400:
            raise HomeRefusedError(self._home.id, response.status)
        return self._codec.read_answer(body)

    async def _addressed(self, sent: WireRequest, signer: Identity | None) -> tuple[str, dict[str, str]]:
        where = self._reach
        url = f"{'https' if where.secure else 'http'}://{where.authority}{where.prefix}{sent.path}"
        headers = {"host": where.authority, **self._transport.headers, **sent.headers}
        if self._credential is not None:
            name, value = key_header(self._transport.key, self._credential)
            headers[name] = value
        elif signer is not None:
            headers.update(await self._signed(signer, sent, url, headers))
        return url, headers

    async def _signed(
        self, signer: Identity, sent: WireRequest, url: str, headers: dict[str, str]
    ) -> dict[str, str]:
        """The cloud's library fetches in a thread of its own, which takes a moment the first time."""
        for _ in range(SIGNER_TRIES):
            signed = signer.headers(sent.method, url, headers, sent.body)
            if signed is not None:
                return signed
            await asyncio.sleep(SIGNER_SECONDS)
        raise UnavailableError(
            f"the home {self._home.id} has no credential", why="its identity has none that is valid",
            fix="sign in to its cloud, or give the home a credential", code="plan.home-refused",
        )  # fmt: skip
