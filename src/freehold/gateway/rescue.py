"""What can be done with a stream that broke after its first content: a decision, made from values."""

from __future__ import annotations

import msgspec

from freehold.dialects import Failure
from freehold.dialects.base import StreamWriter
from freehold.gateway.asked import Asked
from freehold.gateway.passing import PassLane
from freehold.gateway.story import EventLane, Story, retell
from freehold.gateway.watchlane import WatchLane
from freehold.types.homes import Policy

Lane = PassLane | WatchLane | EventLane

KEPT_BYTES_MAX = 4 * 1024 * 1024  # of a passing stream, so that it can be gone on with
OPT_IN = "x-freehold-on-cut: restart"
_NO_COMMENTS = frozenset({"bedrock", "gemini"})
_RESTART_EVENT = b'event: freehold.restart\ndata: {"type":"freehold.restart"}\n\n'
_RESTARTS = {
    "bedrock": b"",  # a second messageStart says it
    "gemini": b'data: {"freeholdRestart":true}\n\n',
}  # fmt: skip


class Rescue(msgspec.Struct, kw_only=True):
    """How the answer goes on: what was said, who writes the rest, and what the caller is told about it."""

    story: Story
    writer: StreamWriter
    joined: str


def rescue_of(
    policy: Policy, restarts: bool, lane: Lane | None, asked: Asked, writer: StreamWriter | None
) -> Rescue | str:
    """The rescue the policy wants, or why there is none."""
    mode = policy.on_cut
    if mode == "error":
        return "the policy says on_cut = error"
    if mode == "restart":
        if not restarts:
            return f"the policy restarts only for callers that say {OPT_IN}"
        if asked.inbound.surface == "array":
            return "a JSON array that has begun cannot begin again"
        return Rescue(story=Story(), writer=asked.near.stream_writer(asked.conversation), joined="restarted")
    told = _tell(lane, asked, writer)
    if told is None:
        return f"more than {KEPT_BYTES_MAX} bytes were already sent"
    story, ready = told
    refusal = story.why_not_continue()
    if refusal:
        return refusal
    return Rescue(story=story, writer=ready, joined="reasked" if mode == "reask" else "continued")


def _tell(lane: Lane | None, asked: Asked, writer: StreamWriter | None) -> tuple[Story, StreamWriter] | None:
    """What was said so far, and a writer that stands where it ends."""
    if isinstance(lane, EventLane):
        return (lane.story, writer) if writer is not None else None
    if lane is None or not lane.kept or lane.kept_bytes > KEPT_BYTES_MAX:
        return None
    fresh = asked.near.stream_writer(asked.conversation)
    story = retell(b"".join(lane.kept), asked.near.stream_reader(), fresh)
    return None if story is None else (story, fresh)


def cut_failure(home: str, why: str, refusal: str) -> Failure:
    return Failure(
        status=502, kind="cut", what=f"home {home} broke off in the middle of the answer",
        why=f"{why}; {refusal}", fix="ask again", code="gateway.stream-cut",
    )  # fmt: skip


def seam_mark(asked: Asked, joined: str) -> bytes:
    """What stands in the caller's stream where another home takes it up, as far as the dialect has a place.

    SSE comments are read over by every SDK but Google's, and binary frames know none: there the trailer
    `x-freehold-joined`, which ends every joined stream, says it alone.
    """
    dialect = asked.inbound.dialect
    if joined == "restarted":  # for a caller that opted in: what came before is void
        return _RESTARTS.get(dialect, _RESTART_EVENT)
    return b"" if dialect in _NO_COMMENTS else b": x-freehold-joined: %b\n\n" % joined.encode()
