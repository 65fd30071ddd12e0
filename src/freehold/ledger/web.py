"""`GET /receipts/ID` for the admin port: 200 with the receipt, 202 until a checkpoint covers the record."""

from __future__ import annotations

import asyncio

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from freehold.errors import FreeholdError
from freehold.ledger.writer import Ledger
from freehold.types.names import RecordId

ID_LENGTH_MAX = 64
RETRY_AFTER_S = 1


def receipt_routes(ledger: Ledger) -> list[Route]:
    """What to mount. A receipt's name is WRITER/ID; ID alone means this writer."""

    async def receipt(request: Request) -> Response:
        writer, id = request.path_params.get("writer"), request.path_params["id"]
        if writer not in (None, ledger.writer) or len(id) > ID_LENGTH_MAX:
            return _problem(404, "ledger.unknown-record", f"this is the writer {ledger.writer!r}")
        try:
            found = await asyncio.to_thread(ledger.receipt, RecordId(id))
        except FreeholdError as error:
            status = 404 if error.code == "ledger.unknown-record" else 500
            return _problem(status, error.code, error.what)
        if found is None:
            headers = {"retry-after": str(RETRY_AFTER_S)}
            return _problem(202, "ledger.not-covered", "no checkpoint covers it yet", headers)
        return Response(found.to_json(), media_type="application/json")

    return [Route("/receipts/{writer}/{id}", receipt), Route("/receipts/{id}", receipt)]


def _problem(status: int, code: str, what: str, headers: dict[str, str] | None = None) -> Response:
    body = msgspec.json.encode({"code": code, "what": what})
    return Response(body, status, headers=headers, media_type="application/json")
