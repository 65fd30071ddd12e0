"""The request a home is sent: quick where the body may pass, careful where it must be looked at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from freehold.gateway.asked import Asked, renaming
from freehold.gateway.fitting import LeftOut, Written, spliced, written
from freehold.gateway.route import Route
from freehold.gateway.story import Story, continued, reasked


class Sent(NamedTuple):
    """The bytes to send, and whether the answer may pass through as well."""

    request: bytes
    passing: bool
    notes: tuple[str, ...] = ()  # what had to be changed for this home


class NotReady(NamedTuple):
    """The home's credential is not there yet, or no longer."""

    why: str


def request_for(
    asked: Asked, route: Route, rescue: Story | None, joined: str | None,
) -> Sent | LeftOut | NotReady:  # fmt: skip
    """Where `quick_request` has none. A DialectError: no home can do it, or it cannot be read."""
    onward = asked.trace.onward() if asked.trace is not None else None
    if asked.side is not None:
        wanted = asked.side.write(route)
        if isinstance(wanted, str):
            return LeftOut(home=route.id, why=wanted)
        return _signed(route, Written(wanted), onward, passing=False)
    if rescue is None and route.dialect == asked.dialect:
        made = spliced(asked, route)
        if made is not None:
            return _signed(route, made, onward, passing=True)
    told = _told(asked, route, rescue, joined)
    return told if isinstance(told, LeftOut) else _signed(route, told, onward, passing=False)


def quick_request(asked: Asked, route: Route, forward: bytes) -> bytes | None:
    """The body as it came, behind a head that was made before; None where it must be looked at first."""
    if route.dialect != asked.dialect or not route.renames or _must_look(asked, route):
        return None
    if asked.trace is not None:
        forward += _lines(asked.trace.onward())
    head = route.head_stream if asked.stream else route.head_plain
    if forward:
        head = b"%b%bcontent-length: " % (head[:-16], forward)
    body = asked.body
    if not asked.hides_usage and asked.inbound.model is None:
        old, new = renaming(asked.model, route.model_name)
        if body.startswith(old):  # as many write it: no need to look through the rest, nor to copy it twice
            rest = body[len(old) :]
            return b"%b%d\r\n\r\n%b%b" % (head, len(new) + len(rest), new, rest)
    body = asked.body_for(route.model_name)
    return b"%b%d\r\n\r\n%b" % (head, len(body), body)


def _must_look(asked: Asked, route: Route) -> bool:
    """Does the body hold anything that this home may not take as it is?"""
    if route.api_version is not None and asked.inbound.api_version not in (None, route.api_version):
        return True
    if route.tells(asked.peeked):
        return True
    body = asked.body
    for word in route.telling_words:  # noqa: SIM110  # a generator costs more than the search
        if body.find(word) >= 0:
            return True
    return False


def _told(asked: Asked, route: Route, rescue: Story | None, joined: str | None) -> Written | LeftOut:
    """Read, fitted to the home, written; with what was already said, where another home had begun."""
    conversation = asked.conversation
    if rescue is None or joined == "restarted":
        return written(conversation, route)
    if joined == "reasked":
        return written(reasked(conversation, rescue), route)
    going_on = continued(conversation, rescue)
    return written(going_on, route, begun=bool(rescue.text.strip()))


def _lines(headers: Mapping[str, str]) -> bytes:
    return "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode("latin-1")


def _signed(
    route: Route, made: Written, onward: Mapping[str, str] | None, *, passing: bool
) -> Sent | NotReady:
    wire = made.request
    headers = wire.headers if onward is None else {**wire.headers, **onward}
    ready = route.request(wire.method, wire.path, headers, wire.body)
    if ready is None:
        signer = route.live.identity
        return NotReady(why=signer.failure if signer is not None else "")
    return Sent(ready, passing, made.notes)
