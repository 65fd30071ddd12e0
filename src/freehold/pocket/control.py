"""The control paths of a pocket home, on its own port: faults set and taken away while it runs, and its log.

    GET    /_pocket          the homes of this process
    GET    /_pocket/faults   the rules in force, and how often each was played
    PUT    /_pocket/faults   other rules, {"faults": {NAME: {...}}}, at once; none of them if one is wrong
    DELETE /_pocket/faults   no rules
    GET    /_pocket/log      the last requests; ?last=N
    DELETE /_pocket/log      forget them
    GET    /_pocket/weights  the digest of the model that answers
    PUT    /_pocket/weights  answer with another, {"folder": ..., "digest": ...}, once its digest is checked

`?home=NAME` speaks to another home of the same process: so a home that refuses connections can be reached.
Every call needs the token, from loopback, in the header x-pocket-token.
"""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import parse_qs

import msgspec

from freehold import wire
from freehold.config.walk import TooManyProblemsError, Walker
from freehold.errors import FreeholdError, Problem, nearest
from freehold.pocket.engine import Engine, Reloadable
from freehold.pocket.faults import Chooser, FaultRule, problems
from freehold.pocket.log import RequestLog
from freehold.types.names import Digest

PREFIX = "/_pocket"
TOKEN_HEADER = "x-pocket-token"  # noqa: S105  # the name of a header
LAST_DEFAULT = 100


class Controlled(Protocol):
    """What the control paths need of a home."""

    name: str
    log: RequestLog

    @property
    def url(self) -> str: ...
    @property
    def faults(self) -> Chooser: ...
    @property
    def engine(self) -> Engine: ...
    async def set_faults(self, rules: Mapping[str, FaultRule]) -> None: ...


async def handle(
    request: wire.Request, peer: str, token: str, own: Controlled, homes: Mapping[str, Controlled]
) -> wire.Reply:
    if not _is_loopback(peer):
        return _error(403, "the control paths answer to loopback only")
    if not hmac.compare_digest(request.headers.get(TOKEN_HEADER, "").encode(), token.encode()):
        return _error(401, f"send the token printed at start in the header {TOKEN_HEADER}")
    query = parse_qs(request.target.partition("?")[2])
    name = query.get("home", [own.name])[0]
    home = homes.get(name)
    if home is None:
        close = nearest(name, homes)
        return _error(404, f"no home {name!r} here" + (f"; the closest is {close!r}" if close else ""))
    match request.method, request.path.removeprefix(PREFIX).rstrip("/"):
        case "GET", "":
            return _json({"homes": {one.name: one.url for one in homes.values()}})
        case "GET", "/faults":
            return _json(_faults(home))
        case "PUT", "/faults":
            return await _put(home, request.body)
        case "DELETE", "/faults":
            await home.set_faults({})
            return _json(_faults(home))
        case "GET", "/log":
            own_entries = [entry for entry in home.log.entries if entry.home == home.name]
            return _json({"log": own_entries[-_last(query) :]})
        case "DELETE", "/log":
            home.log.clear()
            return _json({"log": []})
        case "GET" | "PUT", "/weights":
            return await _weights(home, request)
        case _:
            return _error(404, f"no such control path: {request.method} {request.path}")


async def _put(home: Controlled, body: bytes) -> wire.Reply:
    try:
        given = msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        return _error(400, f"the body is not a JSON object: {error}")
    rules, wrong = checked(given)
    if wrong:
        return _error(400, "; ".join(problem.what for problem in wrong), wrong)
    await home.set_faults(rules)
    return _json(_faults(home))


class _NewWeights(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    folder: str
    digest: Digest


async def _weights(home: Controlled, request: wire.Request) -> wire.Reply:
    engine = home.engine
    if not isinstance(engine, Reloadable):
        return _error(404, "this home answers without a model, so it has no weights")
    if request.method == "PUT":
        try:
            wanted = msgspec.json.decode(request.body, type=_NewWeights)
            await asyncio.to_thread(engine.load, Path(wanted.folder), wanted.digest)
        except (msgspec.MsgspecError, UnicodeError) as error:
            return _error(400, f'the body is not {{"folder": ..., "digest": ...}}: {error}')
        except (FreeholdError, OSError) as error:
            return _error(409, f"these weights were not taken: {error}")
    return _json({"digest": engine.weights})


def checked(given: Mapping[str, Any]) -> tuple[dict[str, FaultRule], list[Problem]]:
    """The rules of {"faults": {...}}, or everything that is wrong with them."""
    walker = Walker({})
    for name in given:
        if name != "faults":
            walker.unknown_key(name, ["faults"], ())
    kind = msgspec.inspect.type_info(dict[str, FaultRule])
    try:
        rules = walker.value(kind, given.get("faults", {}), ("faults",))
    except TooManyProblemsError:
        return {}, walker.problems
    if walker.problems:
        return {}, walker.problems
    return rules, problems(rules)


def _faults(home: Controlled) -> dict[str, object]:
    return {"faults": home.faults.rules, "played": home.faults.played}


def _last(query: Mapping[str, list[str]]) -> int:
    said = query.get("last", [""])[0]
    return max(int(said), 1) if said.isascii() and said.isdigit() else LAST_DEFAULT


def _is_loopback(peer: str) -> bool:
    try:
        return ipaddress.ip_address(peer).is_loopback
    except ValueError:
        return False


def _json(value: object, status: int = 200) -> wire.Reply:
    return wire.Reply(
        status=status, headers={"content-type": "application/json"}, body=msgspec.json.encode(value)
    )


def _error(status: int, what: str, wrong: list[Problem] | None = None) -> wire.Reply:
    return _json({"error": {"what": what, "problems": wrong or []}}, status)
