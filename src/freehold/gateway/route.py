"""One home as a place for the calls of one workload, and a workload with all of its homes.

Everything that does not depend on the call is worked out here, once per start or reload: heads of requests
and of answers, prices, what the home can do.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from freehold import __version__
from freehold.dialects import Codec, Target, codec
from freehold.dialects.capabilities import capability
from freehold.estate.digests import policy_digest
from freehold.estate.settings import ModelSettings
from freehold.gateway.affinity import salt_of
from freehold.gateway.asked import RENAMING
from freehold.gateway.auth import Identity
from freehold.gateway.candidates import Candidate, Candidates
from freehold.gateway.choosing import Chooser
from freehold.gateway.failover import Place, Rules
from freehold.gateway.headroom import Headroom
from freehold.gateway.health import Health
from freehold.gateway.metrics import Tally
from freehold.gateway.order import typical_nano_usd
from freehold.gateway.peeked import any_of
from freehold.gateway.telling import telling_fields, telling_words
from freehold.gateway.transports import TRANSPORTS, Transport, api_of, key_header, reach
from freehold.gateway.upstream import Address, Pool
from freehold.types.conversation import Conversation, Text, Turn
from freehold.types.homes import Home, Workload
from freehold.types.records import HomeFacts

USER_AGENT: Final = f"freehold/{__version__}"
WAITS: Final = ("connect", "header", "first_content", "idle", "total")
_PROBE_TURN = Turn(role="user", blocks=(Text(text="."),))


class Waits:
    """Timeouts in seconds."""

    __slots__ = WAITS

    def __init__(
        self, *, connect: float, header: float, first_content: float, idle: float, total: float
    ) -> None:
        self.connect, self.header, self.first_content = connect, header, first_content
        self.idle, self.total = idle, total


class Live:
    """What is known of a home while the process runs; it outlives a reload."""

    __slots__ = ("answered", "failed", "health", "identity", "pool", "tokens_out", "where")

    def __init__(
        self, pool: Pool, health: Health, signer: Identity | None, where: tuple[object, ...]
    ) -> None:
        self.pool, self.health, self.identity, self.where = pool, health, signer, where
        self.answered = self.failed = self.tokens_out = 0

    def settle(self, tls: ssl.SSLContext) -> None:
        """Connections from now on are checked by `tls`."""
        address = self.pool.address
        if address.tls is not None and address.tls is not tls:
            self.pool.move(Address(address.host, address.port, tls))


class Route:
    """One home as a place for the calls of one workload."""

    __slots__ = (
        "account",
        "api",
        "api_version",
        "authority",
        "bit",
        "can",
        "codec",
        "credential",
        "dialect",
        "facts",
        "fixed_headers",
        "forwards",
        "head_plain",
        "head_stream",
        "headroom",
        "health",
        "home",
        "id",
        "live",
        "metrics_url",
        "model_name",
        "nano_usd",
        "nano_usd_held",
        "parameters_active",
        "place",
        "pool",
        "prefix",
        "quality",
        "renames",
        "reply_plain",
        "reply_tail",
        "salt",
        "secure",
        "substitute",
        "tally",
        "target",
        "telling_words",
        "tells",
        "tells_use",
        "template",
        "transport",
        "waits",
    )  # fmt: skip

    def __init__(
        self, candidate: Candidate, workload: Workload, live: Live, credential: str | None,
        waits: Waits, model: ModelSettings | None, headroom: Headroom, bit: int,
    ) -> None:  # fmt: skip
        home = candidate.home
        self.home, self.id, self.live = home, home.id, live
        self.headroom, self.bit, self.salt = headroom, bit, salt_of(home.id)
        self.health, self.pool = live.health, live.pool
        self.substitute, self.quality = candidate.substitute, candidate.quality
        self.api = api_of(home.api or "")
        self.transport: Transport = TRANSPORTS[self.api]
        self.dialect = self.transport.dialect
        self.codec: Codec = codec(self.api)
        self.model_name = home.model_name or home.model or ""
        self.api_version = home.options.get("api_version")
        self.target = Target(
            api=self.api, model=self.model_name, api_version=self.api_version, options=_options(home)
        )
        self.can = capability(self.api, self.model_name, self.api_version)
        self.tells = any_of(telling_fields(self.dialect, self.can))
        self.telling_words = telling_words(self.dialect, self.can, alone=False)
        where = reach(home, self.api)
        self.tells_use = self.api.startswith("azure")  # provisioned deployments tell how full they are
        self.authority, self.prefix, self.secure = where.authority, where.prefix, where.secure
        path = home.options.get("metrics", "")  # where an engine tells its load, if it does
        scheme = "https" if where.secure else "http"
        self.metrics_url = f"{scheme}://{where.authority}/{path.lstrip('/')}" if path else ""
        self.credential, self.waits = credential, waits
        # Where two homes have the same address and credential, what the vendor stores for one is the other's.
        self.account = (self.authority, credential or str(home.id))
        self.renames = self.dialect in RENAMING and not self.signs  # a body may pass with its model renamed
        self.forwards = self.transport.forwards
        self.fixed_headers = self._fixed_headers()
        self.head_plain, self.head_stream = self._head(False), self._head(True)
        usual = (workload.input_tokens, workload.output_tokens)
        self.nano_usd = typical_nano_usd(home.price, *usual)
        self.nano_usd_held = typical_nano_usd(home.price, *usual, cached=True)
        self.place = Place(home=home.id, context_tokens=model.context_tokens if model is not None else None)
        named = f"x-freehold-home: {home.id}\r\nx-freehold-model: {home.model or 'unknown'}\r\n"
        if candidate.substitute:
            named += "x-freehold-substitute: yes\r\n"
        self.reply_tail = named.encode()
        self.reply_plain = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n" + self.reply_tail
        self.tally: Tally | None = None  # of the calls it answered
        self.parameters_active = model.parameters_active if model is not None else None
        self.template: Any = None  # a Template, of the records of its calls
        self.facts = HomeFacts(
            home=home.id, vendor=home.vendor, operator=home.operator, region=home.region,
            silicon=home.silicon, api=home.api, model=home.model,
        )  # fmt: skip

    def _fixed_headers(self) -> dict[str, str]:
        fixed = {
            "host": self.authority, "user-agent": USER_AGENT, "accept-encoding": "identity",
            **self.transport.headers,
        }  # fmt: skip
        if self.credential is not None:
            name, value = key_header(self.transport.key, self.credential)
            fixed[name] = value
        return fixed

    def _head(self, stream: bool) -> bytes:
        """The head of a request whose body passes through, up to the number of its bytes."""
        probe = Conversation(model=self.model_name, turns=(_PROBE_TURN,), stream=stream, max_tokens=1)
        wire = self.codec.write_request(probe, self.target)
        fields = {**self.fixed_headers, **wire.headers}
        for name in self.forwards:
            fields.pop(name, None)
        return head_bytes(wire.method, self.prefix + wire.path, fields)

    def request(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> bytes | None:
        """A whole request, signed where the home has an identity; None while that is not ready."""
        fields = {**self.fixed_headers, **headers}
        signer = self.live.identity
        if signer is not None and self.credential is None:
            scheme = "https" if self.secure else "http"
            signed = signer.headers(method, f"{scheme}://{self.authority}{self.prefix}{path}", fields, body)
            if signed is None:
                return None
            fields.update(signed)
        return b"%b%d\r\n\r\n%b" % (head_bytes(method, self.prefix + path, fields), len(body), body)

    @property
    def signs(self) -> bool:
        return self.credential is None and self.live.identity is not None


def head_bytes(method: str, path: str, fields: Mapping[str, str]) -> bytes:
    """Request line and headers, ending in `content-length: ` so that the number and the body follow."""
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
    if any("\r" in line or "\n" in line or "\0" in line for line in lines):
        raise ValueError("a header of a request to a home holds a line break")
    return ("\r\n".join(lines) + "\r\ncontent-length: ").encode("latin-1")


class Plan:
    """One workload and the routes its policy allows."""

    __slots__ = (
        "candidates", "chooser", "ordered", "places", "policy", "policy_digest", "routes", "rules",
        "strict_policy", "waits", "why_none", "workload",
    )  # fmt: skip

    def __init__(
        self, workload: Workload, found: Candidates, routes: tuple[Route, ...], rules: Rules, waits: Waits,
        chooser: Chooser[Route],
    ) -> None:  # fmt: skip
        self.workload, self.policy, self.candidates = workload, workload.policy, found
        self.routes, self.rules, self.waits = routes, rules, waits
        self.policy_digest = policy_digest(workload.policy)
        self.strict_policy = msgspec.structs.replace(workload.policy, evidence="strict")
        self.places = tuple(route.place for route in routes)
        self.why_none = "" if routes else found.why_none() or "no home of it serves calls"
        self.chooser = chooser
        self.ordered = chooser.ordered  # the routes best first, with the reason for each


def _options(home: Home) -> dict[str, str]:
    found = dict(home.options)
    if home.region is not None:
        found.setdefault("location", home.region)
    return found
