"""A gateway over pocket homes, in one loop, for tests: started, called, and stopped."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable, Mapping, Sequence

import msgspec

from freehold import wire
from freehold.config import Duration
from freehold.estate.model import Estate
from freehold.estate.settings import ModelSettings
from freehold.gateway.plane import Plane
from freehold.gateway.settings import GatewaySettings, TimeoutSettings
from freehold.pocket import Engine, FaultRule, Limiter, PocketHome
from freehold.types.contracts import Admit, Refused
from freehold.types.homes import Home, Policy, Pool, Price, Workload
from freehold.types.names import Digest, HomeId, ModelId, RecordId, WorkloadId
from freehold.types.records import AnyRecord, AttemptRecord, CallRecord

MODEL = "claude-pocket"
_NO_PRICE = Price()
_ANY_MODEL = ModelSettings()


def _waits(limit: str, total: str) -> TimeoutSettings:
    each = Duration(limit)
    return TimeoutSettings(
        connect=each, header=each, first_content=each, idle=each, total=Duration(total)
    )  # fmt: skip


CALM = _waits("2s", "10s")  # a home that is well is never given up, however busy the machine
QUICK = _waits("400ms", "5s")  # where a home is silent, and the test waits until that is seen


class Kept:
    """A recorder that keeps records in a list; whoever looks sees those of every call that is over."""

    def __init__(self, refusal: Refused | None = None) -> None:
        self._entries: list[AnyRecord] = []
        self._refusal = refusal
        self.settle: Callable[[], None] = list

    def admit(self, policy: Policy) -> Admit | Refused:
        return self._refusal or Admit()

    def record(self, entry: AnyRecord) -> None:
        self._entries.append(entry)

    @property
    def records(self) -> list[AnyRecord]:
        self.settle()
        return self._entries

    async def durable(self, id: RecordId) -> None:
        return None

    @property
    def calls(self) -> list[CallRecord]:
        return [entry for entry in self.records if isinstance(entry, CallRecord)]

    @property
    def attempts(self) -> list[AttemptRecord]:
        return [entry for entry in self.records if isinstance(entry, AttemptRecord)]


class Street:
    """Pocket homes and the gateway in front of them."""

    def __init__(self, homes: Sequence[PocketHome], plane: Plane, url: str, kept: Kept) -> None:
        self.homes, self.plane, self.url, self.kept = homes, plane, url, kept

    async def post(
        self, body: object, path: str = "/v1/chat/completions", headers: Mapping[str, str] | None = None
    ) -> Got:
        data = body if isinstance(body, bytes) else msgspec.json.encode(body)
        response = await wire.request("POST", self.url + path, body=data, headers=dict(headers or {}))
        async with response:
            return Got(response.status, response.headers, await response.read())

    def reload(self, parameters: int | None = None, **changes: object) -> None:
        """The same homes, with these facts changed."""
        estate = self.plane.generation.estate
        homes = {id: msgspec.structs.replace(home, **changes) for id, home in estate.homes.items()}
        models = {ModelId(MODEL): ModelSettings(parameters_active=parameters)}
        keys = dict.fromkeys(homes, "any")
        changed = msgspec.structs.replace(estate, homes=homes, models=models)
        self.plane.reload(changed, self.plane.generation.settings, keys, seal=self.plane.sealings.seal)


class Got:
    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status, self.headers, self.body = status, headers, body

    @property
    def error(self) -> str:
        return str(msgspec.json.decode(self.body)["error"]["message"])

    @property
    def text(self) -> str:
        """What an OpenAI answer says, whole or streamed."""
        if not self.headers["content-type"].startswith("text/event-stream"):
            return str(msgspec.json.decode(self.body)["choices"][0]["message"]["content"])
        return "".join(
            choice["delta"].get("content") or ""
            for chunk in self.chunks
            for choice in chunk.get("choices", ())
        )

    @property
    def chunks(self) -> list[dict[str, object] | object]:
        frames = [
            frame.removeprefix(b"data: ") for frame in self.body.split(b"\n\n") if frame.startswith(b"data: ")
        ]
        return [msgspec.json.decode(frame) for frame in frames if frame != b"[DONE]"]

    @property
    def finished(self) -> bool:
        """Did the answer end as its dialect ends one?"""
        return self.body.endswith(b"data: [DONE]\n\n") and b'"finish_reason":"' in self.body

    @property
    def broken_off(self) -> bool:
        """Did the stream end by telling an error?"""
        return bool(self.chunks) and "error" in self.chunks[-1]


def ask(
    text: str = "[pocket words tokens=12]", *, model: str = "chat", stream: bool = False
) -> dict[str, object]:
    return {"model": model, "stream": stream, "messages": [{"role": "user", "content": text}]}


def estate_of(
    homes: Sequence[PocketHome], apis: Sequence[str], policy: Policy,
    options: Mapping[str, str] | None = None, *,
    pools: Mapping[int, Pool] | None = None, weights: Mapping[int, int] | None = None,
    price: Price = _NO_PRICE, model: ModelSettings = _ANY_MODEL,
) -> Estate:  # fmt: skip
    pools, weights = pools or {}, weights or {}
    made = {
        HomeId(one.name): Home(
            id=HomeId(one.name), vendor=f"vendor-{one.name}", operator="o", region="r", api=api,
            model=ModelId(MODEL), url=one.url, pool=pools[place].id if place in pools else None,
            weight=weights.get(place, 1),
            options={"continues": "yes", "project": "p", **(options or {})}, price=price,
        )
        for place, (one, api) in enumerate(zip(homes, apis, strict=True))
    }  # fmt: skip
    chat = Workload(id=WorkloadId("chat"), homes=tuple(made), policy=policy)
    found = {one.id: one for one in pools.values()}
    return Estate(
        digest=Digest("sha256:" + "e" * 64), homes=made, workloads={chat.id: chat}, pools=found,
        models={ModelId(MODEL): model},
    )  # fmt: skip


_DIALECTS = {
    "openai": "openai", "anthropic": "anthropic", "foundry-anthropic": "anthropic",
    "bedrock-converse": "bedrock", "bedrock-invoke": "bedrock", "vertex-claude": "gemini", "gemini": "gemini",
    "responses": "responses", "openai-compatible": "openai-compatible",
}  # fmt: skip


@contextlib.asynccontextmanager
async def street(
    apis: Sequence[str] = ("openai", "openai", "openai"), *,
    faults: Mapping[int, Mapping[str, FaultRule]] | None = None, policy: Policy | None = None,
    limiters: Mapping[int, Limiter] | None = None, pools: Mapping[int, Pool] | None = None,
    weights: Mapping[int, int] | None = None, timeouts: TimeoutSettings = CALM,
    settings: GatewaySettings | None = None, kept: Kept | None = None,
    engines: Mapping[int, Engine] | None = None, options: Mapping[str, str] | None = None,
    credentials: Mapping[str, str] | None = None, accepts: Mapping[int, Sequence[str]] | None = None,
    home_tls: Mapping[int, ssl.SSLContext] | None = None, tls_in: ssl.SSLContext | None = None,
    price: Price = _NO_PRICE, model: ModelSettings = _ANY_MODEL, **plane_options: object,
) -> AsyncIterator[Street]:  # fmt: skip
    """Homes `home0`, `home1`, ... each with its faults, asked in this order."""
    homes = [
        PocketHome(
            _DIALECTS[api],
            (engines or {}).get(number),
            name=f"home{number}",
            faults=(faults or {}).get(number),
            limits=(limiters or {}).get(number),
            tls=(home_tls or {}).get(number),
            keys=(accepts or {}).get(number, ()),
        )
        for number, api in enumerate(apis)
    ]
    kept = kept or Kept()
    async with contextlib.AsyncExitStack() as stack:
        for one in homes:
            await stack.enter_async_context(one.running())
        estate = estate_of(
            homes, apis, policy or Policy(on_cut="continue"), options, pools=pools, weights=weights,
            price=price, model=model,
        )  # fmt: skip
        keys = dict.fromkeys(estate.homes, "any") if credentials is None else credentials
        made = msgspec.structs.replace(settings or GatewaySettings(), timeouts=timeouts)
        plane = Plane(estate, made, kept, keys, **plane_options)  # type: ignore[arg-type]  # passed on as given
        kept.settle = plane.accounts.settle
        server = await plane.serve("127.0.0.1", 0, tls=tls_in)
        try:
            port = server.sockets[0].getsockname()[1]
            yield Street(homes, plane, f"{'https' if tls_in else 'http'}://127.0.0.1:{port}", kept)
        finally:
            server.close()
            await plane.drain(0.5)
            plane.close()
            await asyncio.sleep(0)
