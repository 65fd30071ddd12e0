"""The log's side of witnessing: show every witness the latest checkpoint, collect the cosignatures."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from freehold import wire
from freehold.errors import FreeholdError
from freehold.ledger.checkpoint import Checkpoint
from freehold.ledger.merkle import consistency_proof
from freehold.ledger.note import Note, Signature, Verifier, parse_signatures
from freehold.ledger.store import Reader, node_reader
from freehold.ledger.witness import ADD_CHECKPOINT, Submission

ANSWER_BYTES_MAX = 65536
ANSWER_SECONDS_MAX = 10.0
FAILURES_UNTIL_ALARM = 3
Alarm = Callable[[str, dict[str, str]], object]


class Witnessing:
    """Asks; a witness that refuses, or stays away, is an alarm in the ledger itself."""

    def __init__(self, reader: Reader, witnesses: Mapping[Verifier, str], alarm: Alarm) -> None:
        self._reader, self._witnesses, self._alarm = reader, dict(witnesses), alarm
        self._sizes: dict[Verifier, int] = {}
        self._failures: dict[Verifier, int] = {}
        self._refused: set[Verifier] = set()

    def collect(self) -> str | None:
        """The latest checkpoint with the cosignatures that could be had; None if there is none."""
        note = self._reader.checkpoint()
        if note is None or not self._witnesses:
            return None
        parsed = Note.parse(note)
        found = asyncio.run(self._ask_all(parsed, note))
        if not found:
            return None
        return str(Note(text=parsed.text, signatures=(*parsed.signatures, *found)))

    async def _ask_all(self, parsed: Note, note: str) -> list[Signature]:
        asked = [self._ask(key, url, parsed, note) for key, url in self._witnesses.items()]
        return [one for one in await asyncio.gather(*asked) if one is not None]

    async def _ask(self, key: Verifier, url: str, parsed: Note, note: str) -> Signature | None:
        size = Checkpoint.parse(parsed.text).size
        try:
            status, body = await self._post(url, self._submission(self._sizes.get(key, 0), size, note))
            if status == 409 and (known := body.strip()).isdecimal() and int(known) <= size:
                self._sizes[key] = int(known)
                status, body = await self._post(url, self._submission(int(known), size, note))
        except (OSError, TimeoutError, wire.WireError) as error:
            self._away(key, type(error).__name__)
            return None
        self._failures[key] = 0
        if status != 200:
            self._refusal(key, status, body)
            return None
        signature = _signature_in(body, key, parsed)
        if signature is None:
            self._refusal(key, status, "its cosignature does not hold")
            return None
        self._sizes[key] = size
        self._refused.discard(key)
        return signature

    def _submission(self, old: int, size: int, note: str) -> Submission:
        proof = tuple(consistency_proof(old, size, node_reader(self._reader)))
        return Submission(old=old, proof=proof, note=note)

    async def _post(self, url: str, submission: Submission) -> tuple[int, str]:
        async with asyncio.timeout(ANSWER_SECONDS_MAX):
            address = f"{url.rstrip('/')}{ADD_CHECKPOINT}"
            async with await wire.request("POST", address, body=str(submission).encode()) as response:
                body = b""
                async for chunk in response.chunks():
                    body += chunk
                    if len(body) > ANSWER_BYTES_MAX:
                        raise wire.WireError("the witness answers too much")
                return response.status, body.decode(errors="replace")

    def _away(self, key: Verifier, why: str) -> None:
        self._failures[key] = self._failures.get(key, 0) + 1
        if self._failures[key] == FAILURES_UNTIL_ALARM:
            self._alarm("ledger.witness-away", {"witness": key.name, "why": why})

    def _refusal(self, key: Verifier, status: int, why: str) -> None:
        if key not in self._refused:
            self._refused.add(key)
            evidence = {"witness": key.name, "status": str(status), "why": why.strip()[:200]}
            self._alarm("ledger.witness-refused", evidence)


def _signature_in(body: str, key: Verifier, parsed: Note) -> Signature | None:
    try:
        found = parse_signatures(body)
    except FreeholdError:
        return None
    return next((one for one in found if key.signed(parsed.text, one)), None)
