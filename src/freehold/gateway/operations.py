"""Requests that are not a generation: lists of models, counts, embeddings, and what is refused by name."""

from __future__ import annotations

from typing import Final

import msgspec

from freehold.dialects import Codec, DialectError, Failure, Inbound
from freehold.gateway.head import Head
from freehold.gateway.keys import Caller
from freehold.gateway.seams import Answering, Client
from freehold.gateway.side import side_of

_JSON: Final = {"content-type": "application/json"}
_CREATED: Final = 1_700_000_000  # a workload has no birthday; SDKs want a number


def other_operation(
    plane: Answering,
    client: Client,
    head: Head,
    inbound: Inbound,
    near: Codec,
    caller: Caller,
    body: bytes,
) -> None:
    if inbound.operation == "models":
        _models(plane, client, inbound, near, caller)
        return
    try:
        side = side_of(inbound, body)
    except DialectError as error:
        failure = Failure(
            status=error.status, kind="bad_request", what=error.what, why=error.why, fix=error.fix,
            code=error.code,
        )  # fmt: skip
        plane.deny(client, near, inbound, failure, body, caller)
        return
    if side is not None:
        plane.begin_side(client, head, inbound, near, caller, side, body)
        return
    plane.deny(client, near, inbound, _refusal(inbound), body, caller)


def _models(plane: Answering, client: Client, inbound: Inbound, near: Codec, caller: Caller) -> None:
    """The workloads this caller may name, in the shape of its dialect."""
    names = sorted(name for name in plane.generation.plans if caller.scope is None or name in caller.scope)
    if inbound.model is not None and inbound.model not in names:
        failure = Failure(
            status=404, kind="not_found", what=f"no workload is called {inbound.model[:200]!r}",
            why=f"there are {', '.join(names[:20]) or 'none'}", fix="name one of them",
            code="gateway.unknown-model",
        )  # fmt: skip
        plane.deny(client, near, inbound, failure, b"", caller)
        return
    shown = [inbound.model] if inbound.model is not None else names
    rows = [model_row(inbound.dialect, name) for name in shown]
    value = rows[0] if inbound.model is not None else model_list(inbound.dialect, rows)
    client.reply(200, _JSON, msgspec.json.encode(value))
    client.finish_reply()


def model_row(dialect: str, name: str) -> dict[str, object]:
    if dialect == "anthropic":
        return {"id": name, "type": "model", "display_name": name, "created_at": "2023-11-14T22:13:20Z"}
    if dialect == "gemini":
        return {
            "name": f"models/{name}", "baseModelId": name, "displayName": name,
            "supportedGenerationMethods": ["generateContent"],
        }  # fmt: skip
    return {"id": name, "object": "model", "created": _CREATED, "owned_by": "freehold"}


def model_list(dialect: str, rows: list[dict[str, object]]) -> dict[str, object]:
    if dialect == "anthropic":
        ends = (
            {"first_id": rows[0]["id"], "last_id": rows[-1]["id"]}
            if rows
            else {"first_id": None, "last_id": None}
        )
        return {"data": rows, "has_more": False, **ends}
    if dialect == "gemini":
        return {"models": rows}
    return {"object": "list", "data": rows}


def _refusal(inbound: Inbound) -> Failure:
    words = {
        "websocket": ("WebSockets are not taken here", "use HTTP streaming", 501),
        "batch": ("batch endpoints are not taken here", "send the calls one by one", 501),
        "files": ("file endpoints are not taken here", "send the content in the request", 501),
        "stored": ("this endpoint of stored state is not taken here", "send the conversation itself", 501),
    }  # fmt: skip
    what, fix, status = words[inbound.operation]
    return Failure(
        status=status, kind="unsupported", what=what, why=f"{inbound.dialect} {inbound.surface}",
        fix=fix, code=f"gateway.no-{inbound.operation}",
    )  # fmt: skip
