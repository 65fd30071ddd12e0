"""Amazon's event-stream framing, both ways, with its two checksums.

u32 total length | u32 headers length | u32 crc32 of those eight bytes
headers | payload | u32 crc32 of everything before it
"""

from __future__ import annotations

import functools
import struct
import zlib
from typing import Final

from freehold.dialects.base import DialectError

CONTENT_TYPE = "application/vnd.amazon.eventstream"
FRAME_BYTES_MAX = 16 * 1024 * 1024
_HEADERS_BYTES_MAX = 128 * 1024
_USUAL_BYTES_MAX = 256  # of headers that are worth remembering
_PRELUDE = 12
_AROUND = 16  # prelude and trailing checksum
_STRING = 7
_PRELUDE_AT: Final = struct.Struct(">III").unpack_from
_LENGTHS: Final = struct.Struct(">II").pack
_CHECKSUM: Final = struct.Struct(">I").pack
# Bytes of a header value by its type, where the type fixes it: booleans, numbers, a timestamp, a UUID.
_FIXED = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}

Frame = tuple[dict[str, str], bytes]


class EventStreamReader:
    """Bytes in, (headers, payload) out. A checksum that does not hold ends the stream with an error."""

    __slots__ = ("_buffer",)

    def __init__(self) -> None:
        self._buffer = b""

    @property
    def partial(self) -> bool:
        return bool(self._buffer)

    def feed(self, data: bytes) -> list[Frame]:
        return [_frame(frame) for frame in self.frames(data)]

    def frames(self, data: bytes) -> list[bytes]:
        """The whole frames in `data` and what came before it, as they are."""
        buffer = self._buffer + data if self._buffer else data
        frames: list[bytes] = []
        at = 0
        while len(buffer) - at >= _PRELUDE:
            total, headers, crc = _PRELUDE_AT(buffer, at)
            _check_prelude(buffer[at : at + 8], total, headers, crc)
            if len(buffer) - at < total:
                break
            frames.append(buffer[at : at + total])
            at += total
        self._buffer = buffer[at:]
        return frames


def _check_prelude(prelude: bytes, total: int, headers: int, crc: int) -> None:
    if zlib.crc32(prelude) != crc:
        raise _broken("the checksum of a frame's prelude does not hold")
    if total > FRAME_BYTES_MAX:
        raise _broken(f"a frame of {total} bytes is over the limit of {FRAME_BYTES_MAX}")
    if headers > min(total - _AROUND, _HEADERS_BYTES_MAX):
        raise _broken("a frame's headers are longer than the frame")


def _frame(frame: bytes) -> Frame:
    headers = int.from_bytes(frame[4:8], "big")
    if zlib.crc32(frame[:-4]) != int.from_bytes(frame[-4:], "big"):
        raise _broken("the checksum of a frame does not hold")
    try:
        names = _headers(frame[_PRELUDE : _PRELUDE + headers])
    except (struct.error, IndexError, UnicodeDecodeError, KeyError) as error:
        raise _broken("a frame's headers cannot be read") from error
    return names, frame[_PRELUDE + headers : -4]


def _headers(data: bytes) -> dict[str, str]:
    """Not to be changed by who gets it: the same few headers come with every event."""
    return _usual_headers(data) if len(data) <= _USUAL_BYTES_MAX else _read_headers(data)


@functools.lru_cache(maxsize=128)
def _usual_headers(data: bytes) -> dict[str, str]:
    return _read_headers(data)


def _read_headers(data: bytes) -> dict[str, str]:
    found: dict[str, str] = {}
    at = 0
    while at < len(data):
        size = data[at]
        name = data[at + 1 : at + 1 + size].decode("utf-8")
        at += 1 + size
        kind = data[at]
        at += 1
        if kind in (6, _STRING):  # bytes and text carry their length
            (length,) = struct.unpack_from(">H", data, at)
            at += 2
        else:
            length = _FIXED[kind]
        value = data[at : at + length]
        at += length
        if at > len(data):
            raise IndexError(at)
        found[name] = value.decode("utf-8") if kind == _STRING else value.hex()
    return found


def write(headers: dict[str, str], payload: bytes) -> bytes:
    return _framed(b"".join(_header(name, value) for name, value in headers.items()), payload)


def _framed(packed: bytes, payload: bytes) -> bytes:
    prelude = _LENGTHS(len(packed) + len(payload) + _AROUND, len(packed))
    body = prelude + _CHECKSUM(zlib.crc32(prelude)) + packed + payload
    return body + _CHECKSUM(zlib.crc32(body))


def _header(name: str, value: str) -> bytes:
    key, data = name.encode(), value.encode()
    return bytes((len(key),)) + key + bytes((_STRING,)) + struct.pack(">H", len(data)) + data


def write_event(kind: str, payload: bytes) -> bytes:
    return _framed(_event_headers(kind), payload)


@functools.lru_cache(maxsize=128)
def _event_headers(kind: str) -> bytes:
    headers = {":event-type": kind, ":content-type": "application/json", ":message-type": "event"}
    return b"".join(_header(name, value) for name, value in headers.items())


def write_exception(kind: str, payload: bytes) -> bytes:
    headers = {":exception-type": kind, ":content-type": "application/json", ":message-type": "exception"}
    return write(headers, payload)


def _broken(why: str) -> DialectError:
    return DialectError(
        "the event stream is broken", why=why, code="dialects.broken-event-stream", status=502
    )
