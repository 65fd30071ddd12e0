"""A witness: a second party that keeps the last checkpoint of a tree and cosigns only what extends it.

It needs no trust from anybody: it cannot forge a log, and a log that shows it one tree cannot show the world
another. Speaks C2SP tlog-witness (POST /add-checkpoint); a refusal is an alarm in its own folder.
"""

from __future__ import annotations

import base64
import binascii
import fcntl
import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import msgspec

from freehold.clock import Clock, ulid
from freehold.errors import FreeholdError, InputError, IntegrityError
from freehold.ledger import note as notes
from freehold.ledger.checkpoint import Checkpoint, open_checkpoint
from freehold.ledger.layout import write_whole
from freehold.ledger.merkle import HASH_BYTES, consistent
from freehold.ledger.note import COSIGNATURE, Note, Signature, Verifier, signature_line
from freehold.types.contracts import Signer
from freehold.types.records import AlarmRecord
from freehold.wire import Reply, Request

PROOF_HASHES_MAX = 63
REQUEST_BYTES_MAX = 65536
ALARM_BYTES_MAX = 16 * 1024 * 1024
ADD_CHECKPOINT = "/add-checkpoint"
LOOPBACK = ("127.0.0.1", "::1", "localhost")


class Submission(msgspec.Struct, frozen=True, kw_only=True):
    """A checkpoint, and the proof that it extends the one of `old` records."""

    old: int
    proof: tuple[bytes, ...]
    note: str

    def __str__(self) -> str:
        """The body of the request."""
        steps = "".join(f"{base64.b64encode(step).decode()}\n" for step in self.proof)
        return f"old {self.old}\n{steps}\n{self.note}"

    @classmethod
    def parse(cls, body: str) -> Submission:
        head, separator, note = body.partition("\n\n")
        first, *steps = head.split("\n")
        word, _, old = first.partition(" ")
        try:
            proof = tuple(base64.b64decode(step, validate=True) for step in steps)
        except (binascii.Error, ValueError) as error:
            raise _malformed("a line of the proof is not base64") from error
        if not separator or word != "old" or not old.isdecimal() or str(int(old)) != old:
            raise _malformed("it does not begin with 'old SIZE'")
        if len(proof) > PROOF_HASHES_MAX or any(len(step) != HASH_BYTES for step in proof):
            raise _malformed("the proof is too long, or a line of it is not a hash")
        return cls(old=int(old), proof=proof, note=note)


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """The witness does not cosign. `known` is the size that it last cosigned."""

    kind: Literal["unknown", "unsigned", "stale", "rewound", "forked"]
    why: str
    known: int = 0


_STATUS = {"unknown": 404, "unsigned": 403, "stale": 409, "rewound": 409, "forked": 422}
_ALARMING = ("rewound", "forked")


class Witness:
    """Keeps its state in `folder`; several processes may share it."""

    def __init__(
        self, folder: Path, signer: Signer, logs: Sequence[Verifier], clock: Clock,
        hosts: Sequence[str] = LOOPBACK,
    ) -> None:  # fmt: skip
        """`hosts`: the names under which it may be asked over HTTP; none: any."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._hosts = frozenset(hosts)
        self._folder, self._signer, self._logs, self._clock = folder, signer, tuple(logs), clock
        self.verifier = Verifier.of(signer, COSIGNATURE)

    def known(self, origin: str) -> Checkpoint | None:
        """The last checkpoint cosigned for a tree."""
        try:
            return Checkpoint.parse(Note.parse(self._state(origin).read_text()).text)
        except FileNotFoundError:
            return None

    def add(self, submission: Submission) -> Signature | Refusal:
        """Cosign, or say why not. The state is on disk before the cosignature leaves."""
        text = Note.parse(submission.note).text
        offered = Checkpoint.parse(text)
        keys = [key for key in self._logs if key.name == offered.origin]
        if not keys:
            return Refusal(kind="unknown", why=f"{offered.origin} is not a log that this witness watches")
        try:
            open_checkpoint(submission.note, keys)
        except IntegrityError as error:
            return Refusal(kind="unsigned", why=error.why)
        with self._locked():
            refusal = self._judge(submission, offered, self.known(offered.origin))
            if refusal is not None:
                self._raise_alarm(refusal, offered, submission.note)
                return refusal
            write_whole(self._state(offered.origin), submission.note.encode(), sync=True)
        return notes.cosign(text, self._signer, self._clock.now_ns() // 1_000_000_000)

    def _judge(self, submission: Submission, offered: Checkpoint, known: Checkpoint | None) -> Refusal | None:
        size = known.size if known else 0
        if known is not None and offered.size == known.size and offered.root != known.root:
            why = f"two trees of {size} records were signed"
            return Refusal(kind="forked", why=why, known=size)
        if offered.size < size:
            why = f"the tree had {size} records, now {offered.size}"
            return Refusal(kind="rewound", why=why, known=size)
        if submission.old != size:
            return Refusal(kind="stale", why=f"the proof is from {submission.old}, not {size}", known=size)
        if known is not None and not consistent(
            size, offered.size, known.root, offered.root, submission.proof
        ):
            why = f"the tree of {offered.size} records does not begin with the tree of {size}"
            return Refusal(kind="forked", why=why, known=size)
        return None

    def _raise_alarm(self, refusal: Refusal, offered: Checkpoint, note: str) -> None:
        if refusal.kind not in _ALARMING:
            return
        now_ns = self._clock.now_ns()
        alarm = AlarmRecord(
            id=ulid(now_ns), time_ns=now_ns, alarm=f"ledger.{refusal.kind}", severity="critical",
            about=offered.origin, evidence={"why": refusal.why, "checkpoint": note},
        )  # fmt: skip
        with (self._folder / "alarms.jsonl").open("ab") as file:
            if file.tell() > ALARM_BYTES_MAX:
                return  # the first ones say it all
            file.write(msgspec.json.encode(alarm) + b"\n")
            file.flush()
            os.fsync(file.fileno())

    def alarms(self) -> list[AlarmRecord]:
        try:
            lines = (self._folder / "alarms.jsonl").read_bytes().splitlines()
        except FileNotFoundError:
            return []
        return [msgspec.json.decode(line, type=AlarmRecord) for line in lines]

    def _state(self, origin: str) -> Path:
        return self._folder / f"{hashlib.sha256(origin.encode()).hexdigest()[:32]}.checkpoint"

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with (self._folder / "lock").open("wb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    async def handle(self, request: Request) -> Reply:
        """The HTTP face. A page in a browser is no log: Origin gives it away, or a foreign Host."""
        host = urlsplit(f"//{request.headers.get('host', '')}").hostname
        if "origin" in request.headers or (self._hosts and host not in self._hosts):
            return Reply(status=403, body=b"this address is for logs\n")
        if request.path != ADD_CHECKPOINT or request.method != "POST":
            return Reply(status=404, body=b"POST /add-checkpoint\n")
        if len(request.body) > REQUEST_BYTES_MAX:
            return Reply(status=413)
        try:
            answer = self.add(Submission.parse(request.body.decode()))
        except (FreeholdError, UnicodeDecodeError) as error:
            return Reply(status=400, body=f"{error}\n".encode())
        if isinstance(answer, Signature):
            return Reply(body=signature_line(answer).encode())
        if answer.kind in ("stale", "rewound"):
            headers = {"content-type": "text/x.tlog.size"}
            return Reply(status=409, headers=headers, body=f"{answer.known}\n".encode())
        return Reply(status=_STATUS[answer.kind], body=f"{answer.why}\n".encode())


def _malformed(why: str) -> InputError:
    return InputError(
        "this is not a checkpoint submitted to a witness", why=why,
        fix="send 'old SIZE', the proof, an empty line and the checkpoint", code="ledger.submission",
    )  # fmt: skip
