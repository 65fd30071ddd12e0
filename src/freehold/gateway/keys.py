"""Callers' keys: made once, kept only as a hash, looked up in memory, changed in SQLite.

The data plane never touches the database: a thread reads it when it has changed. With no key ever made, a
gateway on loopback answers everybody on this machine.
"""

from __future__ import annotations

import hashlib
import secrets
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from freehold.clock import Clock, SystemClock
from freehold.errors import InputError, UnavailableError
from freehold.types.names import KeyId

KEY_PREFIX: Final = "fh_"
SECRET_BYTES: Final = 32
ID_BYTES: Final = 5
POLL_SECONDS: Final = 0.5
KEYS_MAX: Final = 1_000_000
BUSY_SECONDS: Final = 5.0
_SCHEMA = """
CREATE TABLE IF NOT EXISTS keys (
    id TEXT PRIMARY KEY,
    hash BLOB NOT NULL UNIQUE,
    name TEXT NOT NULL,
    workloads TEXT NOT NULL,
    created_ns INTEGER NOT NULL,
    expires_ns INTEGER,
    revoked_ns INTEGER,
    requests_per_min INTEGER,
    concurrency INTEGER
) STRICT
"""


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a key; its secret is not."""

    id: KeyId
    name: str
    workloads: tuple[str, ...] = ()  # empty: all of them
    created_ns: int
    expires_ns: int | None = None
    revoked_ns: int | None = None
    requests_per_min: int | None = None
    concurrency: int | None = None


def digest(secret: str | bytes) -> bytes:
    """A key has 256 random bits, so one round of SHA-256 is enough to keep it from being found."""
    return hashlib.sha256(secret.encode() if isinstance(secret, str) else secret).digest()


class KeyFile:
    """Keys in one SQLite file, shared by the commands and every gateway process of this machine."""

    def __init__(self, path: Path, clock: Clock | None = None) -> None:
        self._path, self._clock = path, clock or SystemClock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            new = not path.exists()
            with self._open() as database:
                database.execute("PRAGMA journal_mode = WAL")
                database.execute(_SCHEMA)
            if new:
                path.chmod(0o600)
        except (OSError, sqlite3.Error) as error:
            raise _away(path, error) from error

    def create(
        self, name: str, *, workloads: tuple[str, ...] = (), expires_ns: int | None = None,
        requests_per_min: int | None = None, concurrency: int | None = None,
    ) -> tuple[Key, str]:  # fmt: skip
        """A new key, and its secret, which is shown once and kept nowhere."""
        id = secrets.token_hex(ID_BYTES)
        secret = f"{KEY_PREFIX}{id}_{secrets.token_urlsafe(SECRET_BYTES)}"
        key = Key(
            id=KeyId(id), name=name, workloads=workloads, created_ns=self._clock.now_ns(),
            expires_ns=expires_ns, requests_per_min=requests_per_min, concurrency=concurrency,
        )  # fmt: skip
        with self._open() as database:
            database.execute(
                "INSERT INTO keys VALUES (?, ?, ?, ?, ?, ?, NULL, ?, ?)",
                (
                    id, digest(secret), name, msgspec.json.encode(workloads).decode(), key.created_ns,
                    expires_ns, requests_per_min, concurrency,
                ),
            )  # fmt: skip
        return key, secret

    def revoke(self, id: str) -> Key:
        """The key as it then is. Revoking twice changes nothing."""
        with self._open() as database:
            database.execute(
                "UPDATE keys SET revoked_ns = ? WHERE id = ? AND revoked_ns IS NULL",
                (self._clock.now_ns(), id),
            )
        found = next((key for _, key in self.all() if key.id == id), None)
        if found is None:
            raise InputError(
                f"there is no key {id!r}", why=f"{self._path} has none of that id",
                fix="see freehold key list", code="gateway.unknown-key",
            )  # fmt: skip
        return found

    def all(self) -> list[tuple[bytes, Key]]:
        with self._open() as database:
            rows = database.execute(
                "SELECT hash, id, name, workloads, created_ns, expires_ns, revoked_ns, requests_per_min,"
                " concurrency FROM keys ORDER BY created_ns, id LIMIT ?", (KEYS_MAX,),
            ).fetchall()  # fmt: skip
        return [(row[0], _key(row[1:])) for row in rows]

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            database = sqlite3.connect(self._path, timeout=BUSY_SECONDS)
        except sqlite3.Error as error:
            raise _away(self._path, error) from error
        try:
            with database:
                yield database
        except sqlite3.Error as error:
            raise _away(self._path, error) from error
        finally:
            database.close()

    def version(self) -> tuple[int, ...]:
        """Something that changes when the file does."""
        found: list[int] = []
        for suffix in ("", "-wal"):
            try:
                status = self._path.with_name(self._path.name + suffix).stat()
            except FileNotFoundError:
                continue
            found += [status.st_mtime_ns, status.st_size]
        return tuple(found)


def _key(row: tuple[object, ...]) -> Key:
    return msgspec.convert(
        {
            "id": row[0], "name": row[1], "workloads": msgspec.json.decode(str(row[2])), "created_ns": row[3],
            "expires_ns": row[4], "revoked_ns": row[5], "requests_per_min": row[6], "concurrency": row[7],
        },
        Key,
    )  # fmt: skip


def _away(path: Path, error: Exception) -> UnavailableError:
    return UnavailableError(
        f"the key file {path} cannot be used", why=str(error), fix="check the folder and its permissions",
        code="gateway.keys-away",
    )  # fmt: skip


class Caller:
    """A key at work in this process: what it may do, and how much it has done this minute."""

    __slots__ = ("allowance", "concurrency", "expires_ns", "filled_at", "id", "in_flight", "rate", "scope")

    def __init__(self, key: Key | None, share: int = 1) -> None:
        self.id = key.id if key is not None else None
        self.scope = frozenset(key.workloads) if key is not None and key.workloads else None
        self.expires_ns = key.expires_ns if key is not None else None
        # Each process of several gets its share, so that together they never pass the limit.
        self.rate = _share(key.requests_per_min if key is not None else None, share)
        self.concurrency = _share(key.concurrency if key is not None else None, share)
        self.allowance = float(self.rate or 0)
        self.filled_at = -1.0
        self.in_flight = 0

    def adopt(self, before: Caller) -> None:
        """Take over what the same key had already used."""
        self.in_flight = before.in_flight
        self.filled_at = before.filled_at
        self.allowance = min(before.allowance, float(self.rate or 0))

    def take(self, now: float) -> float | None:
        """One call of the minute's allowance: None if it may go, else the seconds until the next may."""
        rate = self.rate
        if rate is None:
            return None
        if self.filled_at >= 0:
            self.allowance = min(float(rate), self.allowance + (now - self.filled_at) * rate / 60)
        self.filled_at = now
        if self.allowance >= 1:
            self.allowance -= 1
            return None
        return (1 - self.allowance) * 60 / rate


def _share(limit: int | None, share: int) -> int | None:
    return None if limit is None else max(1, limit // share)


class KeyRing:
    """Every valid key by its hash, in memory. `changed` is called from a thread when the file has changed."""

    def __init__(self, file: KeyFile, clock: Clock, share: int = 1) -> None:
        self._file, self._clock, self._share = file, clock, share
        self.callers: dict[bytes, Caller] = {}
        self.ever_made = False
        self._stop = threading.Event()
        self._version: tuple[int, ...] = ()
        self.away = ""

    def load(self) -> None:
        self._version = self._file.version()
        self.put(self._file.all())

    def put(self, rows: list[tuple[bytes, Key]]) -> None:
        before = {caller.id: caller for caller in self.callers.values()}
        made: dict[bytes, Caller] = {}
        for hash_, key in rows:
            if key.revoked_ns is None:
                made[hash_] = Caller(key, self._share)
                if (old := before.get(key.id)) is not None:
                    made[hash_].adopt(old)
        self.callers = made
        self.ever_made = bool(rows)

    def find(self, secret: bytes) -> Caller | None:
        caller = self.callers.get(hashlib.sha256(secret).digest())
        if caller is None:
            return None
        if caller.expires_ns is not None and self._clock.now_ns() >= caller.expires_ns:
            return None
        return caller

    def watch(self, apply: Callable[[list[tuple[bytes, Key]]], None]) -> threading.Thread:
        """Look for changes in a thread, and hand the rows to `apply` there."""

        def run() -> None:
            while not self._stop.wait(POLL_SECONDS):
                try:
                    version = self._file.version()
                    if version == self._version:
                        continue
                    rows = self._file.all()
                except UnavailableError as error:
                    self.away = error.why  # keys known so far go on working
                    continue
                self.away, self._version = "", version
                apply(rows)

        thread = threading.Thread(target=run, name="freehold-keys", daemon=True)
        thread.start()
        return thread

    def close(self) -> None:
        self._stop.set()
