"""The admin port: health, readiness, metrics, homes, receipts; and reload, which needs the token.

GET  /health        200 while the process runs
GET  /ready         200 while calls are taken; 503 before, and first of all when it stops
GET  /metrics       Prometheus' text format, all processes added up
GET  /homes         each home's state as each process sees it
GET  /headroom      each pool's room as each process sees it, and how many calls wait for some
GET  /receipts/ID   a call's receipt, from the ledger
POST /reload        read the settings again: Authorization: Bearer TOKEN
/keys...            callers' keys, see `desk`: Authorization: Bearer ADMIN-KEY
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Sequence
from typing import Final

import msgspec

from freehold import wire
from freehold.gateway.desk import BODY_BYTES_MAX, Visit
from freehold.gateway.exposition import CONTENT_TYPE, expose
from freehold.gateway.hosts import HostGuard
from freehold.gateway.links import Link, Question, Told

ID_LENGTH_MAX: Final = 64
_JSON: Final = {"content-type": "application/json"}
_PATHS: Final = b"/health /ready /metrics /homes /headroom /receipts/ID /keys\n"
_TEXT: Final = {"content-type": "text/plain; charset=utf-8"}


class Admin:
    def __init__(self, links: Sequence[Link], token: str, *, host: str) -> None:
        self._links, self._token = links, token
        self._guard = HostGuard(host)
        self.draining = False

    async def handle(self, request: wire.Request) -> wire.Reply:
        if self._guard.loopback:
            for name in ("host", "origin"):
                value = request.headers.get(name)
                why = self._guard.stranger_value(name, value) if value is not None else ""
                if why:
                    return wire.Reply(status=403, headers=_TEXT, body=f"{why}\n".encode())
        path = request.path
        if path == "/keys" or path.startswith("/keys/"):
            return await self._keys(request)
        if request.method == "POST":
            return await self._change(request)
        if request.method != "GET":
            return wire.Reply(status=405, headers=_TEXT, body=b"GET, or POST /reload\n")
        if path.startswith("/receipts/"):
            return await self._receipt_of(path.rpartition("/")[2])
        match path:
            case "/health":
                return wire.Reply(headers=_TEXT, body=b"ok\n")
            case "/ready":
                return await self._ready()
            case "/metrics":
                told = await self._all(Question(kind="measure"))
                limits = await self._first(Question(kind="limits"))
                told += [] if limits is None else [limits]
                found = [one.measured for one in told if one.measured is not None]
                return wire.Reply(headers={"content-type": CONTENT_TYPE}, body=expose(found).encode())
            case "/homes":
                told = await self._all(Question(kind="homes"))
                body = {"schema": "freehold.homes/1", "data": [one.homes for one in told]}
                return wire.Reply(headers=_JSON, body=msgspec.json.encode(body))
            case "/headroom":
                told = await self._all(Question(kind="headroom"))
                rooms = {"schema": "freehold.headroom/1", "data": [one.headroom for one in told]}
                return wire.Reply(headers=_JSON, body=msgspec.json.encode(rooms))
        return wire.Reply(status=404, headers=_TEXT, body=_PATHS)

    async def _ready(self) -> wire.Reply:
        if self.draining:
            return wire.Reply(status=503, headers=_TEXT, body=b"draining\n")
        told = await self._all(Question(kind="ready"))
        away = next((one.away for one in told if one.away), "")
        if not any(one.ready for one in told):
            words = f"not ready: the shared state is away ({away})\n" if away else "not ready\n"
            return wire.Reply(status=503, headers=_TEXT, body=words.encode())
        words = f"ready, for keys that are known: the shared state is away ({away})\n" if away else "ready\n"
        return wire.Reply(headers=_TEXT, body=words.encode())

    async def _keys(self, request: wire.Request) -> wire.Reply:
        """Any process can do it; not this one, where others are forked and threads are unwelcome."""
        visit = Visit(
            method=request.method, path=request.path, body=request.body[: BODY_BYTES_MAX + 1],
            authorization=request.headers.get("authorization", ""),
        )  # fmt: skip
        told = await self._first(Question(kind="keys", visit=visit))
        if told is None or told.keys is None:
            return wire.Reply(status=503, headers=_TEXT, body=b"no process answered\n")
        status, body = told.keys
        return wire.Reply(status=status, headers={**_JSON, "cache-control": "no-store"}, body=body)

    async def _receipt_of(self, id: str) -> wire.Reply:
        """From whichever process keeps it; one still to be covered is better news than an unknown one."""
        if len(id) > ID_LENGTH_MAX:
            return wire.Reply(status=404, headers=_TEXT, body=b"no receipt is called that\n")
        told = await self._all(Question(kind="receipt", id=id))
        found = sorted((one.receipt for one in told if one.receipt is not None), key=lambda one: one[0])
        status, body = (
            found[0] if found else (503, b'{"code":"gateway.not-running","what":"no process answered"}')
        )
        headers = {**_JSON, "retry-after": "1"} if status == 202 else _JSON
        return wire.Reply(status=status, headers=headers, body=body)

    async def _change(self, request: wire.Request) -> wire.Reply:
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not hmac.compare_digest(
            given.strip().encode(), self._token.encode()
        ):
            return wire.Reply(status=401, headers=_TEXT, body=b"send the admin token as a bearer token\n")
        if request.path != "/reload":
            return wire.Reply(status=404, headers=_TEXT, body=b"POST /reload\n")
        return wire.Reply(headers=_JSON, body=msgspec.json.encode(await self.reload()))

    async def reload(self) -> dict[str, object]:
        """Every process reads anew; the first problems found are told once."""
        reports = [one.report for one in await self._all(Question(kind="reload")) if one.report is not None]
        problems = next((report.problems for report in reports if report.problems), ())
        return {
            "generation": max((report.generation for report in reports), default=0), "problems": problems,
            "processes": len(reports), "at_start": next((report.at_start for report in reports), ()),
        }  # fmt: skip

    async def _first(self, question: Question) -> Told | None:
        for link in self._links:
            told = await link.ask(question)
            if told is not None:
                return told
        return None

    async def _all(self, question: Question) -> list[Told]:
        told = await asyncio.gather(*(link.ask(question) for link in self._links))
        return [one for one in told if one is not None]
