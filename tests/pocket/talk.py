"""Talking to a pocket home in tests: one home, one request, and what came of it."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple, TypeVar

import msgspec

from freehold import wire
from freehold.pocket import FaultRule, PocketHome

CHAT = "/v1/chat/completions"
T = TypeVar("T")


class Heard(NamedTuple):
    """`broken` is the class of the error that ended it, if one did."""

    status: int = 0
    headers: Mapping[str, str] = {}
    body: bytes = b""
    broken: str = ""

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)


class Sleeps:
    """Waits for nothing and remembers how long it would have been."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)
        await asyncio.sleep(0)


def said(text: str, **more: object) -> dict[str, object]:
    return {"model": "m", "messages": [{"role": "user", "content": text}], **more}


async def send(
    url: str,
    body: object = None,
    path: str = CHAT,
    *,
    method: str = "POST",
    headers: dict[str, str] | None = None,
) -> Heard:
    data = msgspec.json.encode(body) if body is not None else b""
    heard, got = Heard(), b""
    try:
        async with await wire.request(method, url + path, headers=headers, body=data) as response:
            heard = Heard(response.status, response.headers)
            async for chunk in response.chunks():
                got += chunk
    except (OSError, wire.WireError) as error:
        return heard._replace(body=got, broken=type(error).__name__)
    return heard._replace(body=got)


async def send_and_hang_up(url: str, body: object, path: str = CHAT) -> bytes:
    """Everything the home sends to a client that will say no more: what is silent ends, without waiting."""
    host, _, port = url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    data = msgspec.json.encode(body)
    head = f"POST {path} HTTP/1.1\r\nhost: {host}\r\ncontent-length: {len(data)}\r\n\r\n"
    writer.write(head.encode() + data)
    writer.write_eof()
    got = await reader.read()
    writer.close()
    return got


def using(home: PocketHome, use: Callable[[str], Awaitable[T]]) -> T:
    """Run `home`, hand its URL to `use`, and stop it."""

    async def main() -> T:
        async with home.running() as url:
            return await use(url)

    return asyncio.run(main())


def ask(home: PocketHome, body: object = None, path: str = CHAT, **more: Any) -> Heard:
    return using(home, lambda url: send(url, body, path, **more))


def broken(rule: FaultRule, *, stream: bool = False, text: str = "one two three four") -> Heard:
    """What a client hears while this fault is played."""
    home = PocketHome(faults={"fault": rule}, sleep=Sleeps())
    return ask(home, said(text, stream=stream))


def words_of(body: bytes) -> list[str]:
    """The pieces of content in a stream of chat chunks."""
    frames = [frame.removeprefix(b"data: ") for frame in body.split(b"\n\n") if frame.startswith(b"data: {")]
    found = []
    for frame in frames:
        try:
            choices = msgspec.json.decode(frame).get("choices") or [{}]
        except msgspec.DecodeError:
            continue
        if text := choices[0].get("delta", {}).get("content"):
            found.append(text)
    return found
