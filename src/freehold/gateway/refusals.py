"""What a caller is told whose request means nothing here: the path, or the body."""

from __future__ import annotations

from freehold.dialects import Codec, DialectError, Failure, Inbound, route
from freehold.gateway.head import METHODS

CODE_NO_PATH = "gateway.no-such-path"


def no_such_path(method: str, target: str) -> Failure:
    path = target.partition("?")[0][:200]
    takes = [name for name in METHODS.values() if name != method and route(name, path) is not None]
    return Failure(
        status=404, kind="no_such_path", what=f"{method} {path} is not answered here",
        why=f"the path takes {' and '.join(takes)}" if takes else "it is not a path of any dialect",
        fix="use a path of the SDKs; docs/reference/gateway.md lists them", code=CODE_NO_PATH,
    )  # fmt: skip


def unreadable_body(near: Codec, inbound: Inbound, body: bytes, encoding: bytes | None) -> Failure:
    """The dialect's own words for what is wrong with a body we could not even peek into."""
    if encoding is not None and encoding.lower() not in (b"", b"identity"):
        return Failure(
            status=415, kind="bad_request", what="the body is compressed, which is not taken here",
            why=f"content-encoding is {encoding[:40].decode('latin-1')!r}", fix="send it as it is",
            code="gateway.compressed-body",
        )  # fmt: skip
    try:
        near.read_request(inbound, body)
    except DialectError as error:
        return Failure(
            status=error.status, kind="bad_request", what=error.what, why=error.why,
            fix=error.fix or "send the request as the dialect has it", code=error.code,
        )  # fmt: skip
    return Failure(
        status=400, kind="bad_request", what="the field model or stream is not what it should be",
        why="model is text, stream is true or false", fix="correct them", code="gateway.bad-field",
    )  # fmt: skip
