"""Faults in what is said: refusals of every kind, and answers that are wrong."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from freehold.dialects import Failure
from freehold.pocket import hints
from freehold.pocket.engine import Step
from freehold.pocket.exchange import CONTENT, JSON, Change, Prepared
from freehold.pocket.faults.play import Play
from freehold.pocket.faults.streams import mistyped
from freehold.types.conversation import Begin, BlockEnd, End, Finished, Usage, UsageReport

HTML = {"content-type": "text/html"}
_PAGE = b"<html><head><title>%b</title></head><body><h1>%b</h1></body></html>\n"
_EVENT_STREAM = "application/vnd.amazon.eventstream"
_SAFE = {"filtered": False, "severity": "safe"}
_AZURE_FILTERED = {
    "code": "ResponsibleAIPolicyViolation",
    "content_filter_result": {
        "hate": _SAFE, "self_harm": _SAFE, "sexual": _SAFE,
        "violence": {"filtered": True, "severity": "high"},
    },
}  # fmt: skip
_ABSURD = Usage(fresh=-7, cache_read=0, output=10**18)


async def rate_limited(play: Play) -> None:
    await _tell(play, 429, "rate_limited", "Rate limit reached, please wait before trying again.", hint=True)


async def quota_exhausted(play: Play) -> None:
    """A 429 that waiting does not cure, so it comes without a hint."""
    await _tell(play, 429, "quota_exhausted", "You exceeded your current quota.")


async def server_error(play: Play) -> None:
    await _tell(play, 500, "server_error", "Internal server error")


async def unavailable(play: Play) -> None:
    await _tell(play, 503, "unavailable", "The service is temporarily unavailable.")


async def overloaded(play: Play) -> None:
    await _tell(play, 529, "overloaded", "Overloaded")


async def status(play: Play) -> None:
    await _tell(play, play.rule.status, "server_error", "Something went wrong.")


async def expired_credentials(play: Play) -> None:
    named = {"x-amzn-errortype": "ExpiredTokenException"} if play.exchange.codec.name == "bedrock" else {}
    await _tell(play, 401, "auth", "The credentials have expired.", headers=named)


async def prompt_filtered(play: Play) -> None:
    """An error at one vendor, and at the others an answer that says nothing."""
    message = "The prompt was blocked by the content management policy."
    if play.exchange.codec.name not in ("openai", "responses"):
        await _send(play, _filtered(0))
    elif play.exchange.vendor == "azure":
        error = {"message": message, "type": None, "param": "prompt", "code": "content_filter", "status": 400,
                 "innererror": _AZURE_FILTERED}  # fmt: skip
        await play.line.whole(400, {**play.exchange.headers, **JSON}, msgspec.json.encode({"error": error}))
    else:
        await _tell(play, 400, "content_filter", message)


async def bad_gateway(play: Play) -> None:
    """What a proxy in front of a vendor says: a page, not JSON."""
    page = _PAGE % (b"502 Bad Gateway", b"502 Bad Gateway")
    await play.line.whole(502, HTML, page)


async def wrong_content_type(play: Play) -> None:
    """A success that is a page of somebody else's."""
    await play.line.whole(200, HTML, _PAGE % (b"Sign in", b"Sign in to continue"))


async def content_filter(play: Play) -> None:
    """The answer begins and is then taken away."""
    await _send(play, _filtered(play.rule.after))


async def wrong_model(play: Play) -> None:
    await _send(play, _said_by(play.rule.said))


async def garbage_usage(play: Play) -> None:
    await _send(play, _absurd)


async def mistyped_usage(play: Play) -> None:
    """Token counts that are text. Framings with checksums get absurd numbers instead."""
    prepared = await play.exchange.prepare()
    if prepared.headers.get("content-type") == _EVENT_STREAM:
        await garbage_usage(play)
        return
    await play.line.head(prepared.status, prepared.headers, length=None)
    if prepared.length is None:
        async for piece in prepared.pieces():
            await play.line.write(mistyped(piece.data))
    else:
        await play.line.write(mistyped(await _all(prepared)))
    await play.line.end()


async def truncated_body(play: Play) -> None:
    """HTTP says that all is well; half of the body is missing."""
    prepared = await play.exchange.prepare()
    body = await _all(prepared)
    await play.line.whole(prepared.status, prepared.headers, body[: len(body) // 2])


async def _all(prepared: Prepared) -> bytes:
    return b"".join([piece.data async for piece in prepared.pieces()])


async def _send(play: Play, change: Change) -> None:
    await play.exchange.send(await play.exchange.prepare(change))


async def _tell(
    play: Play, status: int, kind: str, message: str, *, hint: bool = False,
    headers: dict[str, str] | None = None,
) -> None:  # fmt: skip
    rule, exchange = play.rule, play.exchange
    failure = Failure(status=status, kind=kind, what=rule.message or message, code="pocket.fault")
    reply = exchange.codec.write_error(failure)
    if hint:
        reply = hints.hinted(reply, rule.hint, exchange.vendor, rule.retry_after_s, play.clock.now_ns())
    await exchange.line.whole(
        reply.status, {**exchange.headers, **reply.headers, **(headers or {})}, reply.body
    )


def _filtered(after: int) -> Change:
    def change(steps: Iterable[Step]) -> Iterator[Step]:
        left = after
        for step in steps:
            if isinstance(step, CONTENT) and left == 0:
                yield BlockEnd(index=step.index)
                yield Finished(finish="content_filter")
                yield UsageReport(usage=Usage(fresh=0, output=after))
                yield End()
                return
            left -= isinstance(step, CONTENT)
            yield (
                msgspec.structs.replace(step, finish="content_filter") if isinstance(step, Finished) else step
            )

    return change


def _said_by(model: str) -> Change:
    def change(steps: Iterable[Step]) -> Iterator[Step]:
        return (
            msgspec.structs.replace(step, model=model) if isinstance(step, Begin) else step for step in steps
        )

    return change


def _absurd(steps: Iterable[Step]) -> Iterator[Step]:
    for step in steps:
        if isinstance(step, Begin | Finished | UsageReport):
            yield msgspec.structs.replace(step, usage=_ABSURD)
        else:
            yield step
