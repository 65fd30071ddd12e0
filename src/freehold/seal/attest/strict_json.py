"""JSON read strictly: no member twice, no NaN, bounded in size and depth. Two readings of one text are an
attack."""

from __future__ import annotations

import json

from freehold.seal.attest.malformed import malformed

JSON_BYTES_MAX = 4 * 1024 * 1024
JSON_DIGITS_MAX = 32


def load_json(data: bytes, name: str) -> object:
    if len(data) > JSON_BYTES_MAX:
        raise malformed(f"{name} has {len(data)} bytes of JSON", why=f"at most {JSON_BYTES_MAX} are read")
    try:
        return json.loads(data, object_pairs_hook=_once, parse_constant=_refuse, parse_int=_integer)
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise malformed(f"{name} is not JSON", why=str(error)) from error


def load_object(data: bytes, name: str) -> dict[str, object]:
    value = load_json(data, name)
    if not isinstance(value, dict):
        raise malformed(f"{name} is not a JSON object")
    return value


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise malformed("a JSON object has a member twice")
    return found


def _integer(text: str) -> int:
    if len(text) > JSON_DIGITS_MAX:
        raise malformed(f"a JSON number has {len(text)} digits")
    return int(text)


def _refuse(text: str) -> object:
    raise malformed(f"JSON may not hold {text}")
