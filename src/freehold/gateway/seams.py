"""What the parts of the data plane need of each other, so that none imports its user.

caller -> plane -> call -> upstream is how they are built; a call speaks back through these.
"""

from __future__ import annotations

import asyncio
import random
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from freehold.dialects import Codec, Failure, Inbound, Outcome
from freehold.gateway.content import Sealings
from freehold.gateway.deadlines import Deadlines
from freehold.gateway.head import Head
from freehold.gateway.keys import Caller
from freehold.gateway.pins import Pins
from freehold.gateway.route import Route
from freehold.gateway.routes import Generation
from freehold.gateway.traffic import Traffic
from freehold.types.names import RecordId


class AtWork(Protocol):
    """What a caller's connection needs of the call it waits for."""

    joined: str | None  # how its stream was taken up after a cut; told in a trailer

    def client_gone(self) -> None: ...
    def hold(self, paused: bool) -> None: ...


class Client(Protocol):
    """What a call needs of its caller's connection."""

    @property
    def paused(self) -> bool: ...
    @property
    def chunked(self) -> bool: ...
    @property
    def call(self) -> AtWork | None: ...
    @property
    def last_chunk(self) -> bytes: ...
    @property
    def framing(self) -> bytes: ...
    def begin(self, call: AtWork) -> None: ...
    def write(self, data: bytes) -> None: ...
    def chunk(self, data: bytes) -> bytes: ...
    def reply(self, status: int, headers: Mapping[str, str], body: bytes, extra: bytes = b"") -> None: ...
    def refuse(self, status: int, why: str) -> None: ...
    def finish_reply(self) -> None: ...
    def call_done(self) -> None: ...
    def abort(self) -> None: ...


class Receiving(ABC):
    """What a caller's connection needs of the plane.

    This and `Shared` are base classes and no Protocols: compiled, what they name is found without a search.
    """

    loop: asyncio.AbstractEventLoop
    head_bytes_max: int
    body_bytes_max: int
    draining: bool
    heads: dict[bytes, Head]  # seen lately; the same head means the same each time

    @abstractmethod
    def remember(self, raw: bytes, head: Head) -> None: ...

    @abstractmethod
    def admit_connection(self, connection: Any) -> bool: ...

    @abstractmethod
    def connection_gone(self, connection: Any) -> None: ...

    @abstractmethod
    def unreadable(self, status: int) -> None: ...

    @abstractmethod
    def begin(self, client: Any, head: Head, body: bytes) -> None: ...


class Shared(Receiving):
    """What a call needs of the plane."""

    deadlines: Deadlines
    chance: random.Random
    sealings: Sealings
    pins: Pins
    traffic: Traffic
    now: Callable[[], float]

    @abstractmethod
    def inherited(self, call: Any) -> bool:
        """Does another try go on as this call, which came to nothing?"""
        ...

    @abstractmethod
    def find_pins(self, call: Any, then: Callable[[], None]) -> None: ...

    @abstractmethod
    def receipt_name(self, id: RecordId) -> bytes: ...

    @abstractmethod
    def attempt_ended(self, call: Any, where: Route, outcome: Outcome | None, now: float) -> None: ...

    @abstractmethod
    def call_ended(self, call: Any) -> None: ...


class Answering(Protocol):
    """What requests that are no generation need of the plane."""

    @property
    def generation(self) -> Generation: ...
    def begin_side(
        self, client: Any, head: Head, inbound: Inbound, near: Codec, caller: Caller, side: Any, body: bytes
    ) -> None: ...
    def deny(
        self, client: Any, near: Codec, inbound: Inbound, failure: Failure, body: bytes = b"",
        caller: Caller | None = None,
    ) -> None: ...  # fmt: skip
