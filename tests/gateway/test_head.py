import httptools
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freehold.gateway.head import Head, scan

USUAL = b"POST /v1/messages HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nX-Api-Key: K\r\n\r\n"


def scanned(data: bytes) -> Head | None:
    return scan(data, data.find(b"\r\n\r\n"))


def test_usual_head_is_read() -> None:
    head = scanned(USUAL)
    assert head is not None
    assert (head.method, head.target, head.length, head.get(b"x-api-key")) == (
        "POST",
        b"/v1/messages",
        5,
        b"K",
    )


@pytest.mark.parametrize(
    "line",
    [
        b"Transfer-Encoding: chunked", b"Content-Length: 6", b"Host: y", b"Expect: 100-continue",
        b"Upgrade: h2c",
        b"Connection: close", b" folded: yes", b"name : value", b"na\x00me: v", b"n: v\x00", b"no colon",
        b"n: v\nm: w", b"n: v\rm: w", b"caf\xc3\xa9: v", b"n: caf\xc3\xa9", b"TE: trailers", b": empty",
    ],
)  # fmt: skip
def test_unusual_line_is_left_to_the_careful_reader(line: bytes) -> None:
    assert scanned(USUAL.replace(b"Host: x\r\n", b"Host: x\r\n" + line + b"\r\n")) is None


@pytest.mark.parametrize("length", [b"+5", b"5,5", b"0x5", b"5 5", b"", b"-1", b"5_0", b"9" * 16, b"\xb2"])
def test_length_that_two_servers_may_read_differently_is_not_read(length: bytes) -> None:
    assert scanned(USUAL.replace(b"Length: 5", b"Length: " + length)) is None


@pytest.mark.parametrize(
    "line", [b"POST /x HTTP/1.0", b"POST  /x HTTP/1.1", b"POST http://h/x HTTP/1.1", b"BREW /x HTTP/1.1",
    b"POST /x",
             b"POST /x\x00 HTTP/1.1", b"post /x HTTP/1.1", b"\nPOST /x HTTP/1.1"]
)  # fmt: skip
def test_request_line_of_another_form_is_not_read(line: bytes) -> None:
    assert scanned(USUAL.replace(b"POST /v1/messages HTTP/1.1", line)) is None


def test_keep_alive_said_aloud_changes_nothing() -> None:
    assert scanned(USUAL.replace(b"Host: x", b"Host: x\r\nConnection: keep-alive")) is not None
    twice = b"Host: x\r\nConnection: keep-alive\r\nConnection: close"
    assert scanned(USUAL.replace(b"Host: x", twice)) is None


class Heard:
    """What httptools makes of the same bytes."""

    def __init__(self, data: bytes) -> None:
        self.url = self.body = b""
        self.fields: list[tuple[str, str]] = []
        self.done, self.count = False, 0
        self.parser = httptools.HttpRequestParser(self)
        self.parser.feed_data(data)

    def on_message_begin(self) -> None:
        self.count += 1

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.fields.append((name.lower().decode(), value.strip().decode("latin-1")))

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.done = True


PIECES = st.sampled_from(
    [
        b"POST ", b"GET ", b"/v1/messages", b"/", b" HTTP/1.1\r\n", b"\r\n", b"\n", b"\r", b"Host: x\r\n",
        b"Host:",
        b"Content-Length: 5\r\n", b"content-length:", b"5", b"0005", b"+5", b"Transfer-Encoding: chunked\r\n",
        b"transfer-encoding:", b"chunked", b" ", b"\t", b"\x00", b":", b"hello", b"\r\n\r\n", b"A: b\r\n",
        b"\xff",
        b"Connection: keep-alive\r\n", b"0\r\n\r\n", b"Content-Length : 5\r\n", b"X-Api-Key: K\r\n",
    ]
)  # fmt: skip


@settings(max_examples=600)
@given(st.lists(PIECES, max_size=14).map(b"".join), st.booleans())
def test_whatever_the_scanner_reads_httptools_reads_alike(noise: bytes, framed: bool) -> None:
    data = b"POST /v1/messages HTTP/1.1\r\nHost: x\r\n" + noise + b"\r\n\r\nhello" if framed else noise
    end = data.find(b"\r\n\r\n")
    head = scan(data, end) if end >= 0 else None
    if head is None:
        return
    whole = data[: end + 4] + b"." * head.length
    heard = Heard(whole)
    assert heard.done
    assert (heard.count, heard.url, heard.parser.get_method().decode()) == (1, head.target, head.method)
    assert heard.body == b"." * head.length
    joined: dict[str, str] = {}
    for name, value in heard.fields:
        joined[name] = f"{joined[name]}, {value}" if name in joined else value
    assert head.headers() == joined
