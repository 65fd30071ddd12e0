"""A small strict CBOR reader for attestation documents: no map key twice, shortest numbers, bounded depth.

Lists and maps of indefinite length are read, because real Nitro documents carry them; strings in pieces are
not.

cbor2 reads more, and on a map with the same key twice it keeps the last value silently. A document that two
readers read differently is an attack, so this reader refuses it. Tests hold the two together on everything
both accept.
"""

from __future__ import annotations

from freehold.seal.attest.malformed import malformed

DEPTH_MAX = 8
ITEMS_MAX = 4096
UNSIGNED, NEGATIVE, BYTES, TEXT, ARRAY, MAP, TAG, SIMPLE = range(8)
INDEFINITE, BREAK, INDEFINITE_COUNT = 31, 0xFF, -1
_SIMPLE: dict[int, bool | None] = {20: False, 21: True, 22: None}

Value = int | bytes | str | bool | None | list["Value"] | dict["Value", "Value"]


def load_first(data: bytes) -> tuple[Value, int]:
    """The first value, and where it ends."""
    return _read(data, 0, 0)


def load_whole(data: bytes) -> Value:
    value, end = _read(data, 0, 0)
    if end != len(data):
        raise malformed(f"{len(data) - end} bytes follow a CBOR value")
    return value


def _head(data: bytes, at: int) -> tuple[int, int, int]:
    """Major type, argument, and where the content begins. Only the shortest form of an argument is read."""
    if at >= len(data):
        raise malformed("a CBOR value is cut off")
    major, short = data[at] >> 5, data[at] & 0x1F
    if short < 24:
        return major, short, at + 1
    if short == INDEFINITE and major in (ARRAY, MAP):
        return major, INDEFINITE_COUNT, at + 1
    if short > 27:
        raise malformed("a CBOR value has an indefinite or reserved length")
    length = 1 << (short - 24)
    argument = int.from_bytes(data[at + 1 : at + 1 + length], "big")
    if at + 1 + length > len(data):
        raise malformed("a CBOR value is cut off")
    if major != SIMPLE and argument < (24 if length == 1 else 1 << (4 * length)):
        raise malformed("a CBOR number is not in its shortest form")
    return major, argument, at + 1 + length


def _read(data: bytes, at: int, depth: int) -> tuple[Value, int]:
    if depth > DEPTH_MAX:
        raise malformed(f"CBOR is nested deeper than {DEPTH_MAX}")
    major, argument, body = _head(data, at)
    if major == UNSIGNED:
        return argument, body
    if major == NEGATIVE:
        return -1 - argument, body
    if major in (BYTES, TEXT):
        return _string(data, major, body, argument)
    if major == ARRAY:
        return _array(data, body, argument, depth)
    if major == MAP:
        return _map(data, body, argument, depth)
    if major == SIMPLE and argument in _SIMPLE and body == at + 1:
        return _SIMPLE[argument], body
    raise malformed(f"CBOR of major type {major} is not read here", why="no attestation document needs it")


def _string(data: bytes, major: int, body: int, length: int) -> tuple[Value, int]:
    end = body + length
    if end > len(data):
        raise malformed("a CBOR string is cut off")
    piece = data[body:end]
    if major == BYTES:
        return piece, end
    try:
        return piece.decode("utf-8"), end
    except UnicodeDecodeError as error:
        raise malformed("a CBOR text is not UTF-8") from error


def _more(data: bytes, at: int, count: int, have: int) -> int:
    """Where the next item begins; or, as ~end, where the list or map ended."""
    if count != INDEFINITE_COUNT:
        return at if have < count else ~at
    if have > ITEMS_MAX or at >= len(data):
        raise malformed("a CBOR list or map of indefinite length is too long or cut off")
    return ~(at + 1) if data[at] == BREAK else at


def _array(data: bytes, at: int, count: int, depth: int) -> tuple[Value, int]:
    if count > ITEMS_MAX:
        raise malformed(f"a CBOR array has {count} items")
    items: list[Value] = []
    while (at := _more(data, at, count, len(items))) >= 0:
        item, at = _read(data, at, depth + 1)
        items.append(item)
    return items, ~at


def _map(data: bytes, at: int, count: int, depth: int) -> tuple[Value, int]:
    if count > ITEMS_MAX:
        raise malformed(f"a CBOR map has {count} entries")
    found: dict[Value, Value] = {}
    while (at := _more(data, at, count, len(found))) >= 0:
        key, at = _read(data, at, depth + 1)
        if not isinstance(key, int | str) or isinstance(key, bool):
            raise malformed("a CBOR map has a key that is neither a number nor text")
        if key in found:
            raise malformed(f"a CBOR map has the key {key!r} twice")
        found[key], at = _read(data, at, depth + 1)
    return found, ~at
