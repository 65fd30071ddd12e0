"""The contract of a dialect: pure functions between one wire protocol and the neutral conversation.

A codec does no I/O and keeps no clock. Everything it cannot read is a `DialectError`; everything a home can
answer with is an `Outcome`, so that the router never matches strings.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Protocol

import msgspec

from freehold.errors import InputError
from freehold.types.conversation import Answer, Conversation, Event
from freehold.types.names import DialectName

Operation = Literal["generate", "count", "embed", "models", "stored", "batch", "files", "websocket"]
Action = Literal["answer", "retry_here", "next_home", "wait", "client_fault"]
JSON_HEADERS = {"content-type": "application/json"}


class DialectError(InputError):
    """The bytes are not what the dialect allows; `status` is what the vendor would answer."""

    def __init__(self, what: str, *, why: str = "", fix: str = "", code: str, status: int = 400) -> None:
        super().__init__(what, why=why, fix=fix, code=code)
        self.status = status


class Inbound(msgspec.Struct, frozen=True, kw_only=True):
    """What a request's path says: the dialect, what is asked, and what the path itself names."""

    dialect: DialectName
    operation: Operation
    surface: str = ""  # which of the dialect's paths: a row of routes.SURFACES, such as chat or converse
    model: str | None = None
    stream: bool | None = None
    api_version: str | None = None  # from a header (anthropic-version) or the query (api-version)
    betas: tuple[str, ...] = ()  # from the header anthropic-beta


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """The home a request is written for: the capability row that holds there, and its name for the model."""

    api: str
    model: str
    api_version: str | None = None
    options: dict[str, str] = {}


class WireRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request without host and credential; the transport adds those."""

    path: str
    body: bytes
    method: str = "POST"
    headers: dict[str, str] = {}


class WireReply(msgspec.Struct, frozen=True, kw_only=True):
    status: int
    body: bytes
    headers: dict[str, str] = {}


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What a home's reply means for the call."""

    action: Action
    kind: (
        str  # ok, rate_limited, overloaded, quota_exhausted, auth, too_long, content_filter, bad_request, ...
    )
    status: int
    message: str = ""
    retry_after_ms: int | None = None


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """An error to tell a caller, in whatever shape its dialect has for it."""

    status: int
    kind: str
    what: str
    why: str = ""
    fix: str = ""
    code: str = "gateway.failed"
    retry_after_ms: int | None = None

    @property
    def message(self) -> str:
        parts = (self.what, self.why and f"why: {self.why}", self.fix and f"fix: {self.fix}")
        return "; ".join(part for part in parts if part)


class StreamReader(Protocol):
    """Bytes of one streamed answer in, neutral events out; any chunking gives the same events."""

    @property
    def ended(self) -> bool:
        """Has the dialect's own finish been seen?"""
        ...

    def feed(self, data: bytes) -> list[Event]: ...
    def close(self) -> list[Event]:
        """The connection ended. An answer without its finish yields a StreamError."""
        ...


class StreamWriter(Protocol):
    content_type: str

    def write(self, event: Event) -> bytes: ...


class Codec(Protocol):
    name: DialectName
    form: str  # a row of table.CODECS; one form is read and written alike wherever it is used
    origin: str  # who signs what this codec reads: a signed block is given back to no one else
    answer_type: str  # content type of a whole answer

    def read_request(self, inbound: Inbound, body: bytes) -> Conversation: ...
    def write_request(self, conversation: Conversation, target: Target) -> WireRequest: ...
    def read_answer(self, body: bytes) -> Answer: ...
    def write_answer(self, answer: Answer, conversation: Conversation) -> bytes: ...
    def stream_reader(self) -> StreamReader: ...
    def stream_writer(self, conversation: Conversation) -> StreamWriter: ...
    def outcome(self, status: int, headers: Mapping[str, str], body: bytes) -> Outcome: ...
    def write_error(self, failure: Failure) -> WireReply: ...
