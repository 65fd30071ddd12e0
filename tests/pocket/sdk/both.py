"""One test for an SDK's blocking client and for its asynchronous one."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator
from typing import Any

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
PDF = "JVBERi0xLjQKJSVFT0YK"
CITY = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer", "minimum": 3}},
    "required": ["city", "days"],
    "additionalProperties": False,
}
ARGUMENTS = {"city": "city", "days": 3}


async def value(found: Any) -> Any:
    return await found if inspect.isawaitable(found) else found


async def each(stream: Any) -> AsyncIterator[Any]:
    stream = await value(stream)
    if hasattr(stream, "__aiter__"):
        async for item in stream:
            yield item
    else:
        for item in stream:
            yield item


async def every(stream: Any) -> list[Any]:
    return [item async for item in each(stream)]


async def closed(client: Any) -> None:
    await value(client.close())
