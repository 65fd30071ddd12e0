import asyncio

import msgspec

from freehold import wire
from freehold.pocket import PocketHome


def ask(method: str, path: str, body: object = None) -> tuple[int, bytes]:
    request = wire.Request(method=method, target=path, headers={}, body=msgspec.json.encode(body))

    async def main() -> tuple[int, bytes]:
        reply = await PocketHome("openai").handle(request)
        if isinstance(reply.body, bytes):
            return reply.status, reply.body
        return reply.status, b"".join([chunk async for chunk in reply.body])

    return asyncio.run(main())


CHAT = "/v1/chat/completions"


def said(text: str, **more: object) -> dict[str, object]:
    return {"model": "echo", "messages": [{"role": "user", "content": text}], **more}


def test_home_says_it_back() -> None:
    status, body = ask("POST", CHAT, said("hello there"))
    answer = msgspec.json.decode(body)
    assert status == 200
    assert answer["choices"][0]["message"]["content"] == "hello there"
    assert answer["usage"]["completion_tokens"] == 2


def test_limit_ends_the_answer_with_length() -> None:
    answer = msgspec.json.decode(ask("POST", CHAT, said("one two three", max_completion_tokens=2))[1])
    assert answer["choices"][0]["message"]["content"] == "one two"
    assert answer["choices"][0]["finish_reason"] == "length"


def test_stream_reports_usage_only_when_asked() -> None:
    plain = ask("POST", CHAT, said("hi", stream=True))[1]
    asked = ask("POST", CHAT, said("hi", stream=True, stream_options={"include_usage": True}))[1]
    assert b'"prompt_tokens"' not in plain
    assert b'"prompt_tokens":1' in asked


def test_wrong_path_and_wrong_body_get_the_vendors_errors() -> None:
    assert ask("POST", "/v2/nothing")[0] == 404
    status, body = ask("POST", CHAT, {"model": 5})
    assert status == 400
    assert b"invalid_request_error" in body


def test_health_is_plain() -> None:
    assert ask("GET", "/health") == (200, b"ok\n")
