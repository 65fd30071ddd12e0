"""The state in one SQLite file: for the processes of one machine, and what is used when nothing is named."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from freehold.clock import Clock, SystemClock
from freehold.gateway.meters import COMES_BACK, REQUESTS, TOKENS, Ask, Grant, Place, Sums, granted, window_of
from freehold.gateway.state.base import KeyRow, Left, Standing, StateAway
from freehold.gateway.state.rows import as_int, read_row, standing
from freehold.gateway.state.wal import use_wal

BUSY_SECONDS: Final = 3.0
KEPT_NS: Final = 3600 * 10**9  # how long a closed minute may still be told of
SWEEP_EVERY: Final = 512  # calls of an owner
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS keys (
    id TEXT PRIMARY KEY, hash BLOB NOT NULL, prior BLOB, prior_until_ns INTEGER NOT NULL,
    body BLOB NOT NULL, version INTEGER NOT NULL) STRICT;
CREATE INDEX IF NOT EXISTS keys_by_version ON keys (version);
CREATE TABLE IF NOT EXISTS owners (
    owner TEXT PRIMARY KEY, sequence INTEGER NOT NULL, expires_ns INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS meters (
    key TEXT NOT NULL, kind INTEGER NOT NULL, window INTEGER NOT NULL,
    spent INTEGER NOT NULL DEFAULT 0, uncertain INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (key, kind, window)) STRICT;
CREATE TABLE IF NOT EXISTS leases (
    key TEXT NOT NULL, kind INTEGER NOT NULL, window INTEGER NOT NULL, owner TEXT NOT NULL,
    used INTEGER NOT NULL, ceiling INTEGER NOT NULL,
    PRIMARY KEY (key, kind, window, owner)) STRICT;
CREATE INDEX IF NOT EXISTS leases_by_owner ON leases (owner);
CREATE TABLE IF NOT EXISTS news (
    kind TEXT NOT NULL, name TEXT NOT NULL, value BLOB NOT NULL, expires_ns INTEGER NOT NULL,
    PRIMARY KEY (kind, name)) STRICT;
"""
_AT: Final = "key = ? AND kind = ? AND window = ?"
_GONE: Final = "(SELECT owner FROM owners WHERE expires_ns <= ?)"


class SqliteState:
    """Implements `base.State`. Every commit is on disk before it is answered."""

    shared = False

    def __init__(self, path: Path | str, clock: Clock | None = None) -> None:
        self._path, self._clock = Path(path), clock or SystemClock()
        self._database: sqlite3.Connection | None = None
        with self._change():
            pass

    def _connected(self) -> sqlite3.Connection:
        if self._database is not None:
            return self._database
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        new = not self._path.exists()
        database = sqlite3.connect(
            self._path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        try:
            if new:
                self._path.chmod(0o600)
            use_wal(database)
            database.execute("PRAGMA synchronous = FULL")
            database.executescript(_SCHEMA)
            born = secrets.token_hex(8)
            database.execute("INSERT OR IGNORE INTO meta VALUES ('born', ?), ('version', '0')", (born,))
        except BaseException:
            database.close()
            raise
        self._database = database
        return database

    @contextmanager
    def _change(self) -> Iterator[sqlite3.Connection]:
        """One transaction, alone from its first statement on."""
        try:
            database = self._connected()
            database.execute("BEGIN IMMEDIATE")
            try:
                yield database
            except BaseException:
                database.execute("ROLLBACK")
                raise
            database.execute("COMMIT")
        except (sqlite3.Error, OSError) as error:
            self._drop()
            raise away(self._path, error) from error

    def _rows(self, query: str, *values: object) -> list[tuple[object, ...]]:
        try:
            return self._connected().execute(query, values).fetchall()
        except (sqlite3.Error, OSError) as error:
            self._drop()
            raise away(self._path, error) from error

    def _drop(self) -> None:
        if self._database is not None:
            self._database.close()
        self._database = None

    # --- keys ---

    def born(self) -> str:
        return str(self._rows("SELECT value FROM meta WHERE name = 'born'")[0][0])

    def doubts(self) -> str:
        return ""

    def keys(self, since: int) -> tuple[int, list[KeyRow]]:
        # The version first: a key that changes in between is read again next time.
        version = int(str(self._rows("SELECT value FROM meta WHERE name = 'version'")[0][0]))
        if version == since:
            return version, []
        found = self._rows(
            "SELECT hash, prior, prior_until_ns, body FROM keys WHERE version > ? ORDER BY version", since
        )
        return version, [read_row(row) for row in found]

    def key(self, id: str) -> KeyRow | None:
        found = self._rows("SELECT hash, prior, prior_until_ns, body FROM keys WHERE id = ?", id)
        return read_row(found[0]) if found else None

    def put_key(self, row: KeyRow) -> None:
        with self._change() as database:
            database.execute("UPDATE meta SET value = CAST(value AS INTEGER) + 1 WHERE name = 'version'")
            database.execute(
                "INSERT OR REPLACE INTO keys VALUES"
                " (?, ?, ?, ?, ?, (SELECT CAST(value AS INTEGER) FROM meta WHERE name = 'version'))",
                (row.key.id, row.hash, row.prior, row.prior_until_ns, msgspec.json.encode(row.key)),
            )

    # --- limits ---

    def sync(self, owner: str, sequence: int, lease_s: float, asks: Sequence[Ask]) -> list[Grant]:
        now_ns = self._clock.now_ns()
        with self._change() as database:
            changed = database.execute(
                "INSERT INTO owners VALUES (?, ?, ?) ON CONFLICT (owner) DO UPDATE"
                " SET sequence = excluded.sequence, expires_ns = excluded.expires_ns"
                " WHERE excluded.sequence > owners.sequence",
                (owner, sequence, now_ns + round(lease_s * 1e9)),
            )
            if changed.rowcount != 1:
                return []
            if sequence % SWEEP_EVERY == 0:
                _sweep(database, now_ns)
            return [self._serve(database, owner, ask, now_ns) for ask in asks]

    def _serve(self, database: sqlite3.Connection, owner: str, ask: Ask, now_ns: int) -> Grant:
        place = ask.place
        if ask.done:
            return self._fold(database, owner, ask)
        if place.kind in COMES_BACK:
            database.execute(f"DELETE FROM leases WHERE {_AT} AND owner IN {_GONE}", (*place, now_ns))
        grant = granted(ask, self._sums(database, place, owner))
        database.execute(
            "INSERT OR REPLACE INTO leases VALUES (?, ?, ?, ?, ?, ?)",
            (*place, owner, ask.used, grant.ceiling),
        )
        return grant

    def _fold(self, database: sqlite3.Connection, owner: str, ask: Ask) -> Grant:
        """The owner is done with its part: what it used is spent. Told again, there is no part any more."""
        gone = database.execute(f"DELETE FROM leases WHERE {_AT} AND owner = ?", (*ask.place, owner))
        if gone.rowcount and ask.used:
            database.execute(
                "INSERT INTO meters (key, kind, window, spent) VALUES (?, ?, ?, ?)"
                " ON CONFLICT DO UPDATE SET spent = spent + excluded.spent",
                (*ask.place, ask.used),
            )
        return Grant(place=ask.place, ceiling=0, left=0, fair=0)

    def _sums(self, database: sqlite3.Connection, place: Place, owner: str) -> Sums:
        spent, uncertain = database.execute(
            f"SELECT coalesce(sum(spent), 0), coalesce(sum(uncertain), 0) FROM meters WHERE {_AT}", place
        ).fetchone()
        used, ceiling, others = database.execute(
            "SELECT coalesce(sum(used), 0), coalesce(sum(ceiling), 0), count(*) FROM leases"
            f" WHERE {_AT} AND owner != ?",
            (*place, owner),
        ).fetchone()
        return Sums(spent, uncertain, used, ceiling, others)

    def recover(self, owner: str, left: Sequence[Left]) -> None:
        with self._change() as database:
            for one in left:
                gone = database.execute(f"DELETE FROM leases WHERE {_AT} AND owner = ?", (*one.place, owner))
                if gone.rowcount and one.place.kind not in COMES_BACK:
                    database.execute(
                        "INSERT INTO meters VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE"
                        " SET spent = spent + excluded.spent, uncertain = uncertain + excluded.uncertain",
                        (*one.place, one.used, one.reserved),
                    )
            database.execute("DELETE FROM leases WHERE owner = ? AND kind = 0", (owner,))
            database.execute(
                "DELETE FROM owners WHERE owner = ?1 AND owner NOT IN (SELECT owner FROM leases)", (owner,)
            )

    def forgive(self, key: str) -> int:
        now_ns = self._clock.now_ns()
        with self._change() as database:
            (closed,) = database.execute(
                "SELECT coalesce(sum(uncertain), 0) FROM meters WHERE key = ?", (key,)
            ).fetchone()
            database.execute("UPDATE meters SET uncertain = 0 WHERE key = ?", (key,))
            lost = database.execute(
                f"DELETE FROM leases WHERE key = ? AND owner IN {_GONE}"
                " RETURNING kind, window, used, ceiling",
                (key, now_ns),
            ).fetchall()
            for kind, window, used, _ in lost:
                database.execute(
                    "INSERT INTO meters (key, kind, window, spent) VALUES (?, ?, ?, ?)"
                    " ON CONFLICT DO UPDATE SET spent = spent + excluded.spent",
                    (key, kind, window, used),
                )
        return int(closed) + sum(int(ceiling) - int(used) for _, _, used, ceiling in lost)

    def standings(self, places: Sequence[Place]) -> list[Standing]:
        now_ns = self._clock.now_ns()
        found = []
        for place in places:
            ((spent, uncertain),) = self._rows(
                f"SELECT coalesce(sum(spent), 0), coalesce(sum(uncertain), 0) FROM meters WHERE {_AT}", *place
            )
            ((used, lent, lost),) = self._rows(
                "SELECT coalesce(sum(used), 0), coalesce(sum(ceiling - used), 0),"
                f" coalesce(sum(CASE WHEN owner IN {_GONE} THEN ceiling - used ELSE 0 END), 0)"
                f" FROM leases WHERE {_AT}",
                now_ns, *place,
            )  # fmt: skip
            found.append(
                standing(place, as_int(spent), as_int(uncertain), as_int(used), as_int(lent), as_int(lost))
            )
        return found

    # --- news, meta, end ---

    def publish(self, kind: str, name: str, value: bytes, seconds: float) -> None:
        now_ns = self._clock.now_ns()
        with self._change() as database:
            database.execute("DELETE FROM news WHERE expires_ns <= ?", (now_ns,))
            database.execute(
                "INSERT OR REPLACE INTO news VALUES (?, ?, ?, ?)",
                (kind, name, value, now_ns + round(seconds * 1e9)),
            )

    def gather(self, kind: str) -> Mapping[str, bytes]:
        rows = self._rows(
            "SELECT name, value FROM news WHERE kind = ? AND expires_ns > ?", kind, self._clock.now_ns()
        )
        return {str(name): value for name, value in rows if isinstance(value, bytes)}

    def get_meta(self, name: str) -> str | None:
        found = self._rows("SELECT value FROM meta WHERE name = ?", name)
        return str(found[0][0]) if found else None

    def put_meta(self, name: str, value: str) -> None:
        with self._change() as database:
            database.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))

    def close(self) -> None:
        self._drop()


def _sweep(database: sqlite3.Connection, now_ns: int) -> None:
    """Minutes long past, and owners that are gone and have nothing any more."""
    old = window_of(TOKENS, now_ns - KEPT_NS)
    for table in ("meters", "leases"):
        database.execute(f"DELETE FROM {table} WHERE kind IN ({REQUESTS}, {TOKENS}) AND window < ?", (old,))
    database.execute(
        "DELETE FROM owners WHERE expires_ns <= ? AND owner NOT IN (SELECT owner FROM leases)", (now_ns,)
    )


def away(path: Path, error: Exception) -> StateAway:
    return StateAway(
        f"the state file {path} cannot be used", why=str(error),
        fix="check the folder, its room and its permissions", code="gateway.state-away",
    )  # fmt: skip
