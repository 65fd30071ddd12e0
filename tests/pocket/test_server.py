import asyncio

import pytest

from freehold.errors import UnavailableError
from freehold.pocket import PocketHome
from tests.pocket.talk import CHAT, ask, said, send, using


def test_home_says_it_back() -> None:
    heard = ask(PocketHome(), said("hello there"))
    assert heard.status == 200
    assert heard.json["choices"][0]["message"]["content"] == "hello there"
    assert heard.json["usage"]["completion_tokens"] == 2


def test_limit_ends_the_answer_with_length() -> None:
    choice = ask(PocketHome(), said("one two three", max_completion_tokens=2)).json["choices"][0]
    assert choice["message"]["content"] == "one two"
    assert choice["finish_reason"] == "length"


def test_stream_reports_usage_only_when_asked() -> None:
    plain = ask(PocketHome(), said("hi", stream=True))
    asked = ask(PocketHome(), said("hi", stream=True, stream_options={"include_usage": True}))
    assert b'"prompt_tokens"' not in plain.body
    assert b'"prompt_tokens":1' in asked.body


def test_wrong_path_and_wrong_body_get_the_vendors_errors() -> None:
    assert ask(PocketHome(), path="/v2/nothing").status == 404
    heard = ask(PocketHome(), {"model": 5})
    assert heard.status == 400
    assert heard.json["error"]["type"] == "invalid_request_error"


def test_health_is_plain_text() -> None:
    heard = ask(PocketHome(), path="/health", method="GET")
    assert (heard.status, heard.body) == (200, b"ok\n")


def test_connection_serves_one_request_after_another() -> None:
    async def twice(url: str) -> bytes:
        host, _, port = url.removeprefix("http://").partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        request = f"GET /health HTTP/1.1\r\nhost: {host}\r\n\r\n".encode()
        writer.write(request)
        first = await reader.readuntil(b"ok\n")
        writer.write(request.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n"))
        second = await reader.read()
        writer.close()
        return first + second

    assert using(PocketHome(), twice).count(b"200 OK") == 2


def test_browser_page_of_another_site_is_refused() -> None:
    heard = ask(PocketHome(), said("hi"), headers={"origin": "https://elsewhere.example"})
    assert heard.status == 403


def test_port_in_use_is_a_clear_error() -> None:
    async def second(url: str) -> None:
        await PocketHome().start("127.0.0.1", int(url.rpartition(":")[2]))

    with pytest.raises(UnavailableError) as caught:
        using(PocketHome(), second)
    assert caught.value.code == "core.port-in-use"


def test_stop_ends_idle_connections_without_waiting() -> None:
    async def main() -> bytes:
        home = PocketHome()
        await home.start()
        host, _, port = home.url.removeprefix("http://").partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        await send(home.url, path="/health", method="GET")
        await home.stop()
        rest = await reader.read()
        writer.close()
        return rest

    assert asyncio.run(main()) == b""


def test_message_that_is_not_http_is_told_so() -> None:
    async def garbage(url: str) -> bytes:
        host, _, port = url.removeprefix("http://").partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"hello?\r\n\r\n")
        told = await reader.read()
        writer.close()
        return told

    assert using(PocketHome(), garbage).startswith(b"HTTP/1.1 400 ")


def test_log_keeps_what_was_asked_and_no_credential() -> None:
    home = PocketHome()
    ask(home, said("remember me"), CHAT + "?key=k-4711", headers={"authorization": "Bearer sk-4711"})
    (entry,) = home.log.entries
    assert (entry.model, entry.ended, entry.output_tokens) == ("m", "whole", 2)
    assert "remember me" in entry.body
    assert "4711" not in repr(entry)
