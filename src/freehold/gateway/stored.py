"""State that a vendor keeps and a call names: read from requests, and who of a call's homes may hold it.

The top of a request names most of it. File ids stand further down; they are looked for only where a call has
several homes to choose from, and in a way that costs nothing much where there are none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import msgspec

from freehold.dialects import Failure
from freehold.gateway.asked import Asked
from freehold.gateway.route import Plan, Route
from freehold.gateway.told import Told
from freehold.types.conversation import StoredState
from freehold.types.names import HomeId

NAMED_MAX: Final = 64  # ids of one call that are looked at
_UNDERSCORES_MAX: Final = 64  # after so many, the whole body is searched in one go
_SHORT_BYTES: Final = 4096
_FILE: Final = b'"file_id'  # file_id and file_ids
_KEYS: Final = frozenset({"file_id", "file_ids", "vector_store_ids", "fileUri", "file_uri"})
KEEPERS: Final = frozenset({"responses", "anthropic"})  # whose answers may make what calls name
_WORDS: Final = {
    "responses": (_FILE, b'"vector_store_ids"', b'"container"'),
    "gemini": (b'"fileUri"', b'"file_uri"'),
}  # fmt: skip
_HOLDS: Final = "holds_state"  # a home's option: what the gateway has not seen being made is there
_decode = msgspec.json.Decoder().decode


def files_in(dialect: str, body: bytes) -> tuple[StoredState, ...]:
    """Files and the like that a body names by id."""
    if dialect in ("openai", "anthropic", "vertex-claude"):
        if not _says_file(body):
            return ()
    elif not any(body.find(word) >= 0 for word in _WORDS.get(dialect, ())):
        return ()
    try:
        found = dict.fromkeys(_ids(_decode(body)))
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return ()  # what is wrong with the body is said by whoever reads it
    return tuple(StoredState(kind="file", id=id) for id in found)[:NAMED_MAX]


def _says_file(body: bytes) -> bool:
    """Is there a key `file_id`? In a long body underscores are few, and quickly found one by one."""
    if len(body) < _SHORT_BYTES:
        return body.find(_FILE) >= 0  # finding is quicker than `in`, which takes bytes for a number first
    at = body.find(b"_")
    for _ in range(_UNDERSCORES_MAX):
        if at < 0:
            return False
        if body[at - 5 : at + 3] == _FILE:
            return True
        at = body.find(b"_", at + 1)
    return _FILE in body[max(at - 5, 0) :] if at >= 0 else False


def _ids(value: Any, key: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            if name == "container" and isinstance(inner, str):
                yield inner
            else:
                yield from _ids(inner, name)
    elif isinstance(value, list):
        for inner in value:
            yield from _ids(inner, key)
    elif isinstance(value, str) and key in _KEYS and _is_stored(key, value):
        yield value


def _is_stored(key: str, value: str) -> bool:
    """An object in a bucket is no vendor's stored state; a file of Gemini's own is, by its address."""
    return bool(value) and ("uri" not in key.lower() or "/files/" in value)


# --- who holds it ---


def holders(
    stored: tuple[StoredState, ...], order: tuple[Route, ...], dialect: str,
    home_of: Callable[[str], HomeId | None],
) -> tuple[Route, ...]:  # fmt: skip
    """Of the homes in order, those that hold all of what a call names; none if nobody can be said to.

    Homes of one account hold the same. What was never seen being made is where a home says so, or at the
    only account that speaks the caller's dialect.
    """
    known = {home for one in stored if (home := home_of(one.id)) is not None}
    accounts = {route.account for route in order if route.id in known}
    if known:
        gone = known - {route.id for route in order}
        return () if gone or len(accounts) != 1 else _of(order, accounts)
    near = tuple(route for route in order if route.dialect == dialect)
    said = {route.account for route in near if route.home.options.get(_HOLDS) == "yes"}
    accounts = said or {route.account for route in near}
    return _of(near, accounts) if len(accounts) == 1 else ()


def _of(routes: tuple[Route, ...], accounts: set[tuple[str, str]]) -> tuple[Route, ...]:
    return tuple(route for route in routes if route.account in accounts)


def kept_after(asked: Asked, where: Route, told: Told | None, joined: str | None) -> list[str]:
    """What this home is known to hold once it has answered: what the call named, and what the answer made."""
    found = [one.id for one in asked.stored]
    if told is not None and joined is None and where.dialect == asked.dialect:
        found += [told.vendor_id] if asked.dialect == "responses" and told.vendor_id else []
        found += [told.keeps] if told.keeps else []
    return found


def gone(
    stored: tuple[StoredState, ...], plan: Plan, dialect: str, home_of: Callable[[str], HomeId | None]
) -> Failure:
    """Why nobody can be asked."""
    names = ", ".join(repr(one.id[:80]) for one in stored[:3])
    held = sorted({str(home) for one in stored if (home := home_of(one.id)) is not None})
    near = [str(route.id) for route in plan.routes if route.dialect == dialect]
    if len(held) > 1:
        why = f"{' and '.join(held)} each hold a part of it"
    elif held:
        why = f"home {held[0]} holds it and is not one that this call may go to"
    elif len(near) > 1:
        why = f"this gateway did not see it being made, and {', '.join(near)} could each hold it"
    else:
        why = "no home is known to hold it"
    return Failure(
        status=409, kind="stored_state_gone", why=why,
        what=f"the call names stored state {names}, and no home can be asked for it",
        fix="send the content itself, or set options.holds_state on the home that has it",
        code="gateway.stored-state-gone",
    )  # fmt: skip


def unreached(failure: Failure, stored: tuple[StoredState, ...]) -> Failure:
    """The failure of a call whose only homes were those that hold what it names."""
    if not stored or failure.code != "gateway.no-home":
        return failure
    fix = f"it holds {stored[0].id[:80]!r}, which the call names: wait for it, or send the content itself"
    return msgspec.structs.replace(failure, fix=fix)
