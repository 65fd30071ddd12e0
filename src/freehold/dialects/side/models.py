"""Lists of models, as each dialect shows them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from freehold.dialects.base import Inbound
from freehold.dialects.fields import Fields, encode
from freehold.types.names import DialectName
from freehold.types.sidecalls import ModelInfo

_EPOCH = "1970-01-01T00:00:00Z"


def write_models(inbound: Inbound, models: Sequence[ModelInfo]) -> bytes:
    rows = [_row(inbound.dialect, model) for model in models]
    match inbound.dialect:
        case "anthropic":
            ends = {"first_id": models[0].id, "last_id": models[-1].id} if models else {
                "first_id": None, "last_id": None}  # fmt: skip
            return encode({"data": rows, "has_more": False, **ends})
        case "gemini":
            return encode({"models": rows})
    return encode({"object": "list", "data": rows})


def write_model(inbound: Inbound, model: ModelInfo) -> bytes:
    return encode(_row(inbound.dialect, model))


def _row(dialect: DialectName, model: ModelInfo) -> dict[str, Any]:
    match dialect:
        case "anthropic":
            row: dict[str, Any] = {
                "id": model.id, "type": "model", "display_name": model.name or model.id, "created_at": _EPOCH
            }  # fmt: skip
            limits = {"max_input_tokens": model.input_tokens_max, "max_tokens": model.output_tokens_max}
        case "gemini":
            row = {
                "name": f"models/{model.id}", "displayName": model.name or model.id,
                "supportedGenerationMethods": ["generateContent", "countTokens"],
            }  # fmt: skip
            limits = {"inputTokenLimit": model.input_tokens_max, "outputTokenLimit": model.output_tokens_max}
        case _:
            owner = model.owner or "freehold"
            return {"id": model.id, "object": "model", "created": model.created_s, "owned_by": owner}
    return {**row, **{name: value for name, value in limits.items() if value is not None}}


def read_models(dialect: DialectName, body: bytes) -> tuple[ModelInfo, ...]:
    fields = Fields.of(body, answer=True)
    if dialect == "gemini":
        return tuple(
            ModelInfo(
                id=row.text("name").removeprefix("models/"), name=row.maybe("displayName") or "",
                input_tokens_max=row.count("inputTokenLimit"),
                output_tokens_max=row.count("outputTokenLimit"),
            )
            for row in fields.objects("models")
        )  # fmt: skip
    return tuple(
        ModelInfo(
            id=row.text("id"), name=row.maybe("display_name") or "", owner=row.maybe("owned_by") or "",
            created_s=row.integer("created") or 0, input_tokens_max=row.count("max_input_tokens"),
            output_tokens_max=row.count("max_tokens"),
        )
        for row in fields.objects("data")
    )  # fmt: skip
