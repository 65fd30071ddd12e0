"""Asking both homes the same things, prompt by prompt: what changes meanwhile, changes for both."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from freehold.cli.home_sampler import HomeRefusedError, HomeSampler
from freehold.cli.substitutes.compare import Asked, Pair
from freehold.cli.substitutes.prompts import Prompt
from freehold.clock import Clock
from freehold.dialects import DialectError
from freehold.dialects.fitting import Fit, fit
from freehold.errors import FreeholdError
from freehold.gateway.auth import Identity
from freehold.gateway.template import nano_usd
from freehold.types.conversation import Conversation
from freehold.types.homes import Home

AT_ONCE: Final = 4  # prompts under way
TRIES: Final = 4
LATER: Final = frozenset({408, 425, 429, 500, 502, 503, 504, 529})
WAIT_SECONDS: Final = 1.0  # before the second try; twice as long before each further one


class Asking:
    """One home, ready to be asked."""

    def __init__(self, home: Home, credential: str | None, clock: Clock) -> None:
        self.home, self._clock = home, clock
        self._sampler = HomeSampler(home, credential)
        self._signer: Identity | None = None

    def open(self) -> None:
        self._signer = self._sampler.signer()

    def close(self) -> None:
        if self._signer is not None:
            self._signer.close()

    async def ask(self, conversation: Conversation) -> Asked:
        fitted = fit(conversation, self._sampler.target)
        if not isinstance(fitted, Fit):
            return Asked(answer=None, why=fitted.reason)
        for number in range(TRIES):
            if number:
                await asyncio.sleep(WAIT_SECONDS * 2 ** (number - 1))
            began = self._clock.monotonic_ns()
            try:
                answer = await self._sampler.answer(fitted.conversation, self._signer)
            except HomeRefusedError as error:
                if error.status in LATER and number < TRIES - 1:
                    continue
                return Asked(answer=None, why=f"status {error.status}")
            except FreeholdError as error:
                return Asked(answer=None, why=error.code)
            except (DialectError, msgspec.DecodeError, UnicodeDecodeError):
                return Asked(answer=None, why="an answer that cannot be read")
            seconds = (self._clock.monotonic_ns() - began) / 1e9
            return Asked(answer=answer, seconds=seconds, nano_usd=nano_usd(answer.usage, self.home.price))
        return Asked(answer=None, why="it had no time for it")


async def ask_all(
    prompts: Sequence[Prompt], own: Asking, other: Asking, *, max_tokens: int, again: bool,
    done: Callable[[], object],
) -> list[Pair]:  # fmt: skip
    """`again`: the workload's own home twice, to see how far it agrees with itself."""
    turns = asyncio.Semaphore(AT_ONCE)
    own.open()
    other.open()

    async def one(prompt: Prompt, first_own: bool) -> Pair:
        conversation = asked_alike(prompt.conversation, max_tokens)
        async with turns:
            homes = (
                (own, other) if first_own else (other, own)
            )  # neither is always the one that is asked first
            answers = {asking: await asking.ask(conversation) for asking in homes}
            twice = await own.ask(conversation) if again else None
        done()
        return Pair(
            prompt=prompt.number,
            own=answers[own],
            other=answers[other],
            again=twice,
            expected=prompt.expected,
        )

    try:
        return await asyncio.gather(*(one(prompt, at % 2 == 0) for at, prompt in enumerate(prompts)))
    finally:
        own.close()
        other.close()


def asked_alike(conversation: Conversation, max_tokens: int) -> Conversation:
    """As the prompt says; where it says nothing, as little by chance as a model allows."""
    return msgspec.structs.replace(
        conversation, stream=False, n=None,
        max_tokens=conversation.max_tokens or max_tokens,
        temperature=0.0 if conversation.temperature is None and conversation.top_p is None
        else conversation.temperature,
    )  # fmt: skip
