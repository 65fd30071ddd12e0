"""A request as it comes in: is it known here, allowed, well formed, within the limits?"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from freehold import wire
from freehold.clock import Clock
from freehold.dialects import Codec, DialectError, Failure, Inbound, WireReply, codec, codec_for, route
from freehold.dialects.strict import violations
from freehold.pocket import hints, keys, operations
from freehold.pocket.cache import PromptCache
from freehold.pocket.limits import Limiter
from freehold.pocket.vendor import VENDORS, Vendor, manner
from freehold.types.conversation import Conversation

SPOKEN = ("generate", "count", "embed", "models")


class Asked(msgspec.Struct, kw_only=True):
    """What came in. Of `refusal`, `ready` and `conversation`, the first that is set is answered with."""

    codec: Codec
    vendor: Vendor
    manner: str  # whose headers and hints
    inbound: Inbound | None = None
    model: str = ""
    conversation: Conversation | None = None
    refusal: WireReply | None = None
    ready: bytes | None = None
    headers: dict[str, str] = {}


class Intake:
    def __init__(
        self, dialect: str, *, models: Sequence[str], keys: Sequence[str], strict: bool, limiter: Limiter,
        clock: Clock,
    ) -> None:  # fmt: skip
        self._dialect, self._strict = dialect, strict
        self._models, self._keys = tuple(models), tuple(keys)
        self._limiter = limiter
        self._clock = clock
        self._numbers = 0

    def read(self, request: wire.Request) -> Asked:
        inbound = route(request.method, request.target, request.headers)
        vendor = VENDORS[self._dialect]
        known = inbound is not None and vendor.knows(inbound) and inbound.operation in SPOKEN
        asked = Asked(
            codec=codec_for(inbound) if inbound is not None and known else codec(self._dialect),
            vendor=VENDORS[inbound.dialect if inbound is not None and known else self._dialect],
            manner=manner(inbound if known else None, self._dialect),
            inbound=inbound,
        )
        asked.headers = self._request_id(asked.vendor)
        if self._keys and not keys.allowed(request, self._dialect, self._keys):
            _refuse(asked, 401, "auth", "The credentials are missing or not valid.")
        elif inbound is None or not known:
            _refuse(asked, 404, "not_found", f"no such path here: {request.method} {request.path}")
        else:
            self._understand(asked, inbound, request)
        return asked

    def spent(self, output_tokens: int) -> None:
        self._limiter.spent(output_tokens, self._now_s())

    def _understand(self, asked: Asked, inbound: Inbound, request: wire.Request) -> None:
        asked.model = inbound.model or ""
        try:
            if self._strict and inbound.operation != "models":
                self._check(asked, inbound, request.body)
            match inbound.operation:
                case _ if asked.refusal is not None:
                    return
                case "models":
                    asked.ready = operations.models(inbound, self._models)
                case "embed":
                    asked.ready = operations.embed(inbound, request.body)
                case "count":
                    asked.ready = operations.count(inbound, request.body)
                case _:
                    self._converse(asked, inbound, request)
        except DialectError as error:
            _refuse(asked, error.status, "bad_request", error.what, error.why, error.code)
        if asked.refusal is None and self._limiter.limits_anything and inbound.operation != "models":
            self._limit(asked)

    def _converse(self, asked: Asked, inbound: Inbound, request: wire.Request) -> None:
        conversation = asked.codec.read_request(inbound, request.body)
        asked.model = conversation.model
        if self._models and conversation.model not in self._models:
            what = f"the model {conversation.model!r} does not exist or you do not have access to it"
            _refuse(asked, 404, "not_found", what)
        else:
            asked.conversation = conversation

    def _check(self, asked: Asked, inbound: Inbound, body: bytes) -> None:
        """As the vendor would, by its own published fields."""
        version = inbound.api_version
        if inbound.surface in ("invoke", "vertex"):
            version = _version_of(body)  # there the body names it
        found = violations(
            inbound.dialect, inbound.surface, body, operation=inbound.operation, api_version=version
        )
        if found:
            _refuse(asked, 400, "bad_request", "; ".join(found))

    def _limit(self, asked: Asked) -> None:
        tokens = PromptCache().count(asked.conversation, 0).fresh if asked.conversation else 1
        now_s, now_ns = self._now_s(), self._clock.now_ns()
        wait_s = self._limiter.admit(tokens, now_s)
        asked.headers = {**asked.headers, **self._limiter.headers(asked.manner, now_s, now_ns)}
        if wait_s > 0:
            _refuse(asked, 429, "rate_limited", "Rate limit reached, please wait before trying again.")
            if asked.refusal is not None:
                asked.refusal = hints.hinted(asked.refusal, "vendor", asked.manner, wait_s, now_ns)

    def _request_id(self, vendor: Vendor) -> dict[str, str]:
        self._numbers += 1
        return {vendor.request_id: f"req_pocket_{self._numbers}"} if vendor.request_id else {}

    def _now_s(self) -> float:
        return self._clock.monotonic_ns() / 1e9


class _Versioned(msgspec.Struct):
    anthropic_version: str | None = None


def _version_of(body: bytes) -> str | None:
    try:
        return msgspec.json.decode(body, type=_Versioned).anthropic_version
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None  # what is wrong with it is said by whoever reads it next


def _refuse(
    asked: Asked, status: int, kind: str, what: str, why: str = "", code: str = "pocket.refused"
) -> None:
    failure = Failure(status=status, kind=kind, what=what, why=why, code=code)
    asked.refusal = asked.codec.write_error(failure)
