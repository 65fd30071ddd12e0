"""A small strict DER reader: definite, shortest lengths; single-byte tags; nothing after the end.

It exists because AMD's leaf certificates have serial number 0, which the cryptography library announces it
will refuse, and because Intel and AMD hide numbers in private extensions that need a reader anyway. What is
refused here (BER, long tags, padded integers) is refused because two readings of one byte string are an
attack.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import lru_cache

from freehold.seal.attest.malformed import malformed

BOOLEAN, INTEGER, BIT_STRING, OCTET_STRING, NULL, OID, ENUMERATED = 1, 2, 3, 4, 5, 6, 10
UTF8, PRINTABLE, IA5, UTC_TIME, GENERALIZED_TIME = 0x0C, 0x13, 0x16, 0x17, 0x18
SEQUENCE, SET = 0x30, 0x31
LENGTH_BYTES_MAX = 4
INTEGER_BYTES_MAX = 1024
OID_BYTES_MAX = 64


class Der:
    """One element: its tag, its content, and its whole encoding inside the bytes it came from."""

    __slots__ = ("body", "data", "end", "start", "tag")

    def __init__(self, data: bytes, start: int, limit: int) -> None:
        if limit - start < 2:
            raise malformed("a DER element is cut off", why=f"{limit - start} bytes are left at {start}")
        tag, length, body = data[start], data[start + 1], start + 2
        if tag & 0x1F == 0x1F:
            raise malformed("a DER tag is longer than one byte", why="no certificate or CRL uses one")
        if length >= 0x80:
            count = length & 0x7F
            if not 0 < count <= LENGTH_BYTES_MAX or limit - body < count:
                raise malformed("a DER length is not readable", why="it is indefinite, too long or cut off")
            length = int.from_bytes(data[body : body + count], "big")
            if length < 0x80 or length >> (8 * (count - 1)) == 0:
                raise malformed("a DER length is not in its shortest form")
            body += count
        if body + length > limit:
            raise malformed(
                "a DER element is cut off", why=f"it claims {length} bytes, {limit - body} are left"
            )
        self.data, self.tag, self.start, self.body, self.end = data, tag, start, body, body + length

    @property
    def value(self) -> bytes:
        return self.data[self.body : self.end]

    @property
    def raw(self) -> bytes:
        return self.data[self.start : self.end]

    def children(self) -> Iterator[Der]:
        if not self.tag & 0x20:
            raise malformed("a DER element has no parts", why=f"its tag is {self.tag:#04x}")
        at = self.body
        while at < self.end:
            child = Der(self.data, at, self.end)
            yield child
            at = child.end

    def parts(self, tag: int | None = None) -> Parts:
        return Parts(self.expect(tag) if tag is not None else self)

    def expect(self, tag: int) -> Der:
        if self.tag != tag:
            raise malformed(f"DER tag {self.tag:#04x} stands where {tag:#04x} is expected")
        return self

    def integer(self) -> int:
        value = self.expect(INTEGER).value
        if not 0 < len(value) <= INTEGER_BYTES_MAX:
            raise malformed("a DER integer is empty or too long")
        if len(value) > 1 and value[0] in (0x00, 0xFF) and (value[0] ^ value[1]) < 0x80:
            raise malformed("a DER integer is padded")
        return int.from_bytes(value, "big", signed=True)

    def boolean(self) -> bool:
        value = self.expect(BOOLEAN).value
        if value not in (b"\x00", b"\xff"):
            raise malformed("a DER boolean is neither 00 nor FF")
        return value == b"\xff"

    def oid(self) -> str:
        return _dotted(self.expect(OID).value)

    def bits(self) -> bytes:
        """A bit string of whole bytes, as signatures and keys are."""
        value = self.expect(BIT_STRING).value
        if not value or value[0] != 0:
            raise malformed("a DER bit string does not hold whole bytes")
        return value[1:]

    def flags(self) -> int:
        """A named bit list such as key usage; bit 0 is the first bit of the first byte."""
        value = self.expect(BIT_STRING).value
        if not 2 <= len(value) <= 3 or value[0] > 7 or value[-1] & ((1 << value[0]) - 1):
            raise malformed("a DER flag list is not well formed")
        return sum(
            1 << (8 * i + j) for i, byte in enumerate(value[1:]) for j in range(8) if byte & (0x80 >> j)
        )

    def time_s(self) -> int:
        """UTCTime or GeneralizedTime in Zulu time, to seconds since 1970."""
        text, tag = self.value, self.tag
        width = {UTC_TIME: 13, GENERALIZED_TIME: 15}.get(tag)
        if width is None or len(text) != width or not text[:-1].isdigit() or text[-1:] != b"Z":
            raise malformed("a DER time is not in the form YYMMDDHHMMSSZ or YYYYMMDDHHMMSSZ")
        if tag == UTC_TIME:
            text = (b"20" if text[:2] < b"50" else b"19") + text
        year = int(text[:4])
        month, day, hour, minute, second = (int(text[i : i + 2]) for i in range(4, 14, 2))
        try:
            return int(datetime(year, month, day, hour, minute, second, tzinfo=UTC).timestamp())
        except ValueError as error:
            raise malformed(f"{text.decode()} is not a time") from error


class Parts:
    """The children of a constructed element, taken in order."""

    __slots__ = ("_next", "_of")

    def __init__(self, of: Der) -> None:
        if not of.tag & 0x20:
            raise malformed("a DER element has no parts", why=f"its tag is {of.tag:#04x}")
        self._of = of
        self._next = of.body

    def peek(self) -> int | None:
        """The tag of what comes next, or None at the end."""
        return self._of.data[self._next] if self._next < self._of.end else None

    def take(self, tag: int | None = None) -> Der:
        child = Der(self._of.data, self._next, self._of.end)
        self._next = child.end
        return child if tag is None else child.expect(tag)

    def optional(self, tag: int) -> Der | None:
        return self.take() if self.peek() == tag else None

    def finish(self) -> None:
        if self._next != self._of.end:
            raise malformed("a DER element holds more than it may")


@lru_cache(maxsize=1024)
def _dotted(value: bytes) -> str:
    """An object identifier as people write it. The same few dozen come again and again."""
    if not 0 < len(value) <= OID_BYTES_MAX or value[-1] & 0x80:
        raise malformed("a DER object identifier is empty, too long or cut off")
    arcs, arc, fresh = [], 0, True
    for byte in value:
        if fresh and byte == 0x80:
            raise malformed("a DER object identifier is padded")
        arc, fresh = arc << 7 | byte & 0x7F, not byte & 0x80
        if fresh:
            arcs.append(arc)
            arc = 0
    first = min(arcs[0] // 40, 2)
    return ".".join(map(str, (first, arcs[0] - 40 * first, *arcs[1:])))


def whole(data: bytes, tag: int = SEQUENCE) -> Der:
    """The one element that fills `data`."""
    element = Der(data, 0, len(data))
    if element.end != len(data):
        raise malformed(
            f"{len(data) - element.end} bytes follow a DER element", why="nothing may follow its end"
        )
    return element.expect(tag)
