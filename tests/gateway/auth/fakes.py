"""Stand-ins for the clouds' token endpoints, on loopback, and a server that checks SigV4 for itself."""

from __future__ import annotations

import hashlib
import hmac
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from urllib.parse import parse_qs, quote

import msgspec

from freehold import wire

JSON = {"content-type": "application/json"}


class Endpoint:
    """Answers each request with what `answer` says, and keeps what it was asked."""

    def __init__(self, answer: Callable[[wire.Request], object]) -> None:
        self.answer = answer
        self.asked: list[wire.Request] = []
        self.url = ""

    async def handle(self, request: wire.Request) -> wire.Reply:
        self.asked.append(request)
        made = self.answer(request)
        if isinstance(made, bytes):
            return wire.Reply(headers={"content-type": "text/xml"}, body=made)
        if isinstance(made, int):
            return wire.Reply(status=made, headers=JSON, body=b'{"error":"no"}')
        return wire.Reply(headers=JSON, body=msgspec.json.encode(made))


@asynccontextmanager
async def endpoint(
    answer: Callable[[wire.Request], object], tls: ssl.SSLContext | None = None
) -> AsyncIterator[Endpoint]:
    made = Endpoint(answer)
    server = await wire.serve(made.handle, "127.0.0.1", 0, tls=tls)
    made.url = f"{'https' if tls else 'http'}://127.0.0.1:{wire.port_of(server)}"
    try:
        yield made
    finally:
        server.close()


def form(request: wire.Request) -> dict[str, str]:
    """The fields of a form that was posted."""
    return {name: values[0] for name, values in parse_qs(request.body.decode()).items()}


def sigv4_holds(request: wire.Request, secret: str) -> bool:
    """Worked out from the published algorithm alone; nothing of botocore is used."""
    scheme, _, rest = request.headers["authorization"].partition(" ")
    given = dict(part.strip().split("=", 1) for part in rest.split(","))
    _, day, region, service, end = given["Credential"].split("/")
    names = given["SignedHeaders"].split(";")
    path, _, query = request.target.partition("?")
    pairs = sorted(tuple(part.partition("=")[::2]) for part in query.split("&") if part)
    canonical = "\n".join([
        request.method, _twice(path),
        "&".join(f"{name}={value}" for name, value in pairs),
        *(f"{name}:{' '.join(request.headers[name].split())}" for name in names), "",
        given["SignedHeaders"], hashlib.sha256(request.body).hexdigest(),
    ])  # fmt: skip
    scope = f"{day}/{region}/{service}/{end}"
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    words = f"AWS4-HMAC-SHA256\n{request.headers['x-amz-date']}\n{scope}\n{digest}"
    key = f"AWS4{secret}".encode()
    for part in (day, region, service, end):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    signature = hmac.new(key, words.encode(), hashlib.sha256).hexdigest()
    return scheme == "AWS4-HMAC-SHA256" and hmac.compare_digest(signature, given["Signature"])


def _twice(path: str) -> str:
    """Every service but S3 encodes the path as it was sent once more."""
    return quote(path, safe="/-_.~")


def converse_answer(text: str) -> Mapping[str, object]:
    return {
        "output": {"message": {"role": "assistant", "content": [{"text": text}]}}, "stopReason": "end_turn",
        "usage": {"inputTokens": 1, "outputTokens": 1, "totalTokens": 2},
    }  # fmt: skip
