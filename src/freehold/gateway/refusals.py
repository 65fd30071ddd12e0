"""What a caller is told whose request does not become a call: its path, body, key or model, or the policy."""

from __future__ import annotations

from freehold.dialects import Codec, DialectError, Failure, Inbound, route
from freehold.gateway.asked import Asked
from freehold.gateway.head import METHODS
from freehold.gateway.route import Plan
from freehold.types.contracts import Refused

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


def no_key(given: bool) -> Failure:
    return Failure(
        status=401, kind="auth",
        what="this gateway does not know the key" if given else "the call has no key",
        why="it was never made here, was revoked, or has expired" if given else "keys are required here",
        fix="ask whoever runs this gateway for one: freehold key create", code="gateway.bad-key",
    )  # fmt: skip


def unknown_model(asked: Asked, could_be: tuple[str, ...]) -> Failure:
    names = ", ".join(could_be[:20]) or "none"
    return Failure(
        status=404, kind="not_found", what=f"no workload is called {asked.model[:200]!r}",
        why=f"it is no workload's name and not the model of exactly one; there are {names}",
        fix="name one of them as the model", code="gateway.unknown-model",
    )  # fmt: skip


def none_allowed(plan: Plan) -> Failure:
    return Failure(
        status=403, kind="permission", what=f"no home of workload {str(plan.workload.id)!r} may be used",
        why=plan.why_none, fix="change the policy, or add a home that it allows", code="gateway.none-allowed",
    )  # fmt: skip


def not_admitted(refused: Refused) -> Failure:
    return Failure(
        status=503, kind="refused", what="the call was not started", why=refused.why, fix=refused.fix,
        code=refused.code,
    )  # fmt: skip
