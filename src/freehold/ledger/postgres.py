"""One writer's tree in PostgreSQL, for writers on several machines. Needs freehold[postgres].

Records, hashes and frontier change in one transaction, with synchronous commit. A writer holds an advisory
lock, and the row of its frontier is changed only from the size it knows: a second writer is refused, and one
that lost its connection in the middle of a commit finds out whether it happened.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from freehold.clock import Clock, SystemClock
from freehold.errors import InputError, IntegrityError, MissingExtraError, UnavailableError
from freehold.ledger import index
from freehold.ledger.facts import Facts
from freehold.ledger.layout import Archived
from freehold.ledger.merkle import Frontier
from freehold.ledger.settings import LedgerSettings
from freehold.ledger.store import Batch, Reader, StoreAwayError
from freehold.ledger.writer import Ledger, hold_to_keys, open_spill
from freehold.types.contracts import Signer

try:
    import psycopg
except ModuleNotFoundError as missing:
    raise MissingExtraError("postgres", "a ledger in PostgreSQL") from missing

CONNECT_SECONDS_MAX = 10
SILENT_SECONDS_MAX = 20
STATEMENT_SECONDS_MAX = 60
LEAVES_PER_READ = 2000
TABLES = """
CREATE TABLE IF NOT EXISTS freehold_ledger (
    origin text PRIMARY KEY, size bigint NOT NULL, frontier bytea NOT NULL,
    checkpoint text, cosigned text, opened boolean NOT NULL DEFAULT false);
CREATE TABLE IF NOT EXISTS freehold_records (
    origin text NOT NULL, seq bigint NOT NULL, id text NOT NULL, time_ns bigint NOT NULL, kind text NOT NULL,
    workload text, home text, outcome text, key text, tokens_in bigint, tokens_out bigint, nano_usd bigint,
    leaf bytea NOT NULL, PRIMARY KEY (origin, seq));
CREATE INDEX IF NOT EXISTS freehold_records_by_id ON freehold_records (origin, id);
CREATE TABLE IF NOT EXISTS freehold_hashes (
    origin text NOT NULL, level int NOT NULL, place bigint NOT NULL, hash bytea NOT NULL,
    PRIMARY KEY (origin, level, place));
CREATE TABLE IF NOT EXISTS freehold_checkpoints (
    origin text NOT NULL, size bigint NOT NULL, note text NOT NULL, PRIMARY KEY (origin, size, note));
CREATE TABLE IF NOT EXISTS freehold_keys (
    origin text NOT NULL, place bigint NOT NULL, line text NOT NULL, PRIMARY KEY (origin, place));
"""
_RECORD_COLUMNS = "origin, " + ", ".join(Facts._fields) + ", leaf"


class PostgresReader:
    """Implements `store.Reader`. Reconnects by itself; what cannot be read now is an UnavailableError."""

    def __init__(self, database: str, origin: str) -> None:
        self.origin = origin
        self.writer = origin.rpartition("/")[2]
        self._database = database
        self._connection: psycopg.Connection[Any] | None = None

    def _rows(self, query: str, *values: Any) -> list[Any]:
        try:
            return self._connected().execute(query, values, prepare=True).fetchall()
        except psycopg.Error as error:
            self._drop()
            raise away(error) from error

    def _connected(self) -> psycopg.Connection[Any]:
        if self._connection is None or self._connection.closed:
            self._connection = connect(self._database)
        return self._connection

    def _drop(self) -> None:
        if self._connection is not None:
            with suppress(psycopg.Error):  # it is gone already
                self._connection.close()
        self._connection = None

    def size(self) -> int:
        rows = self._rows("SELECT size FROM freehold_ledger WHERE origin = %s", self.origin)
        return int(rows[0][0]) if rows else 0

    def archived(self) -> list[Archived]:
        return []

    def archived_size(self) -> int:
        return 0

    def leaves(self, start: int, stop: int) -> Iterator[bytes]:
        query = "SELECT leaf FROM freehold_records WHERE origin = %s AND seq >= %s AND seq < %s ORDER BY seq"
        for at in range(start, stop, LEAVES_PER_READ):
            rows = self._rows(query, self.origin, at, min(at + LEAVES_PER_READ, stop))
            if len(rows) != min(LEAVES_PER_READ, stop - at):
                raise IntegrityError(
                    f"records from {at} on are missing", why=f"{self.origin} holds {len(rows)} of them",
                    fix="restore the database from a copy", code="ledger.damaged",
                )  # fmt: skip
            yield from (bytes(row[0]) for row in rows)

    def hashes(self, tile_level: int, start: int, stop: int) -> bytes:
        query = (
            "SELECT hash FROM freehold_hashes WHERE origin = %s AND level = %s"
            " AND place >= %s AND place < %s ORDER BY place"
        )
        return b"".join(bytes(row[0]) for row in self._rows(query, self.origin, tile_level, start, stop))

    def checkpoint(self) -> str | None:
        rows = self._rows("SELECT checkpoint FROM freehold_ledger WHERE origin = %s", self.origin)
        return rows[0][0] if rows else None

    def cosigned(self) -> str | None:
        rows = self._rows("SELECT cosigned FROM freehold_ledger WHERE origin = %s", self.origin)
        return rows[0][0] if rows else None

    def history(self) -> list[str]:
        query = "SELECT note FROM freehold_checkpoints WHERE origin = %s ORDER BY size"
        return [row[0] for row in self._rows(query, self.origin)]

    def keys(self) -> list[str]:
        query = "SELECT line FROM freehold_keys WHERE origin = %s ORDER BY place"
        return [row[0] for row in self._rows(query, self.origin)]

    def find(self, id: str) -> int | None:
        query = "SELECT seq FROM freehold_records WHERE origin = %s AND id = %s ORDER BY seq LIMIT 1"
        rows = self._rows(query, self.origin, id)
        return int(rows[0][0]) if rows else None

    def of_kind(self, kind: str, limit: int) -> list[int]:
        query = "SELECT seq FROM freehold_records WHERE origin = %s AND kind = %s ORDER BY seq DESC LIMIT %s"
        return [int(row[0]) for row in reversed(self._rows(query, self.origin, kind, limit))]

    def searchable(self) -> sqlite3.Connection:
        """A copy of the facts, so that a search reads the same wherever the ledger is kept."""
        query = (
            f"SELECT {', '.join(Facts._fields)} FROM freehold_records"  # noqa: S608  # names of a NamedTuple
            " WHERE origin = %s AND seq >= %s AND seq < %s ORDER BY seq"
        )
        size = self.size()
        copy = index.empty()
        for at in range(0, size, LEAVES_PER_READ):
            rows = self._rows(query, self.origin, at, at + LEAVES_PER_READ)
            index.insert(copy, [Facts(*row) for row in rows])
        return copy

    def close(self) -> None:
        self._drop()


class PostgresStore(PostgresReader):
    """Implements `store.Store`. Opening it takes the writer's advisory lock."""

    torn_bytes = 0

    def __init__(self, database: str, origin: str) -> None:
        super().__init__(database, origin)
        try:
            with self._connected().transaction():
                self._execute("SELECT pg_advisory_xact_lock(%s)", lock_number("freehold tables"))
                self._connected().execute(TABLES)
            self._lock()
            self._execute(
                "INSERT INTO freehold_ledger (origin, size, frontier) VALUES (%s, 0, '')"
                " ON CONFLICT DO NOTHING",
                origin,
            )
            row = self._state()
            self.frontier, self.clean = Frontier(row[0], _split(bytes(row[1]))), not row[2]
            self._execute("UPDATE freehold_ledger SET opened = true WHERE origin = %s", origin)
        except psycopg.Error as error:
            self._drop()
            raise away(error) from error
        except BaseException:
            self._drop()
            raise
        self._held = True

    def _execute(self, query: str, *values: Any) -> Any:
        return self._connected().execute(query, values)

    def _state(self) -> Any:
        query = "SELECT size, frontier, opened FROM freehold_ledger WHERE origin = %s"
        return self._execute(query, self.origin).fetchone()

    def _lock(self) -> None:
        """The lock goes with the connection: after a restart of the database it is taken again."""
        self._execute(
            "SELECT set_config('synchronous_commit', 'on', false)"
            " WHERE current_setting('synchronous_commit') = 'off'"
        )
        if not self._execute("SELECT pg_try_advisory_lock(%s)", lock_number(self.origin)).fetchone()[0]:
            raise UnavailableError(
                f"another process writes to the ledger {self.origin}",
                why="it holds the lock in the database; a tree has one writer",
                fix="stop that process, or give this one a [ledger] writer of its own",
                code="ledger.locked",
            )

    def size(self) -> int:
        return self.frontier.size

    def append(self, batch: Batch) -> None:
        try:
            self._regain()
            if self.frontier.hashes() == batch.frontier.hashes():
                return  # the commit whose answer was lost did happen
            with self._connected().transaction():
                self._insert(batch)
        except (psycopg.Error, UnavailableError) as error:
            self._drop()
            raise StoreAwayError(f"the database is away: {type(error).__name__}") from error
        self.frontier = batch.frontier

    def _regain(self) -> None:
        """After a lost connection: take the lock again, and see how far the tree came."""
        if self._connection is not None and not self._connection.closed:
            return
        self._lock()
        size, frontier, _ = self._state()
        self.frontier = Frontier(size, _split(bytes(frontier)))

    def _insert(self, batch: Batch) -> None:
        origin = self.origin
        with self._connected().cursor() as cursor:
            cursor.execute(
                "UPDATE freehold_ledger SET size = %s, frontier = %s WHERE origin = %s AND size = %s",
                (batch.frontier.size, b"".join(batch.frontier.hashes()), origin, batch.first),
            )
            if cursor.rowcount != 1:
                raise psycopg.OperationalError("another writer changed this tree")
            with cursor.copy(f"COPY freehold_records ({_RECORD_COLUMNS}) FROM STDIN (FORMAT BINARY)") as copy:
                copy.set_types(_RECORD_TYPES)
                for facts, leaf in zip(batch.facts, batch.leaves, strict=True):
                    copy.write_row((origin, *facts, leaf))
            copied = "COPY freehold_hashes (origin, level, place, hash) FROM STDIN (FORMAT BINARY)"
            with cursor.copy(copied) as copy:
                copy.set_types(("text", "int4", "int8", "bytea"))
                for level, hashes in enumerate(batch.complete):
                    first = batch.first >> 8 * level
                    for place, node in enumerate(hashes, first):
                        copy.write_row((origin, level, place, node))

    def publish(self, note: str, *, keep: bool) -> None:
        try:
            with self._connected().transaction():
                self._execute(
                    "UPDATE freehold_ledger SET checkpoint = %s WHERE origin = %s", note, self.origin
                )
                if keep:
                    self._execute(
                        "INSERT INTO freehold_checkpoints (origin, size, note) VALUES (%s, %s, %s)"
                        " ON CONFLICT DO NOTHING",
                        self.origin, self.frontier.size, note,
                    )  # fmt: skip
        except (psycopg.Error, UnavailableError) as error:
            self._drop()
            raise StoreAwayError(f"the database is away: {type(error).__name__}") from error

    def publish_cosigned(self, note: str) -> None:
        with closing(connect(self._database)) as connection:  # on another thread than the commits
            connection.execute(
                "UPDATE freehold_ledger SET cosigned = %s WHERE origin = %s", (note, self.origin)
            )

    def add_key(self, line: str) -> None:
        self._execute(
            "INSERT INTO freehold_keys (origin, place, line)"
            " SELECT %s, count(*), %s FROM freehold_keys WHERE origin = %s",
            self.origin, line, self.origin,
        )  # fmt: skip

    def catch_up(self) -> None:
        """There is no index behind the records: facts are written with them."""

    def close(self) -> None:
        with suppress(psycopg.Error, UnavailableError):  # away: the next start sees that it was not closed
            self._execute("UPDATE freehold_ledger SET opened = false WHERE origin = %s", self.origin)
        self._drop()


_RECORD_TYPES = (
    "text", "int8", "text", "int8", "text", "text", "text", "text", "text", "int8", "int8", "int8", "bytea",
)  # fmt: skip


def connect(database: str) -> psycopg.Connection[Any]:
    """A connection that notices when the other side is gone, rather than wait for ever."""
    try:
        connection = psycopg.connect(
            database, autocommit=True, connect_timeout=CONNECT_SECONDS_MAX,
            keepalives_idle=SILENT_SECONDS_MAX, tcp_user_timeout=SILENT_SECONDS_MAX * 1000,
        )  # fmt: skip
        connection.execute(f"SET statement_timeout = '{STATEMENT_SECONDS_MAX}s'")
    except psycopg.Error as error:
        raise away(error) from None  # the driver's words may repeat the connection string
    return connection


def away(error: psycopg.Error) -> UnavailableError:
    return UnavailableError(
        "the ledger's database does not answer",
        why=error.sqlstate or type(error).__name__,
        fix="start PostgreSQL, or correct [ledger] database",
        code="ledger.database",
    )


def lock_number(name: str) -> int:
    digest = hashlib.sha256(f"freehold ledger\n{name}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


def _split(data: bytes) -> list[bytes]:
    return [data[at : at + 32] for at in range(0, len(data), 32)]


def origins(database: str) -> list[str]:
    """Every writer in this database."""
    with closing(connect(database)) as connection:
        if connection.execute("SELECT to_regclass('freehold_ledger')").fetchone() == (None,):
            return []
        return [row[0] for row in connection.execute("SELECT origin FROM freehold_ledger ORDER BY origin")]


def open(
    database: str | None, place: Path, settings: LedgerSettings, signer: Signer, clock: Clock | None = None
) -> Ledger:
    """Open a writer's tree in the database; its spill file and key are in `place` on this machine."""
    if database is None:
        raise InputError(
            "the ledger is to be kept in PostgreSQL, and no database is named",
            why="[ledger] store is 'postgres' and database is not set",
            fix="set [ledger] database to env:NAME or file:PATH, which holds the connection string",
            code="ledger.database",
        )
    store = PostgresStore(database, signer.name)
    try:
        hold_to_keys(store, signer)
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
        spill = open_spill(Path(settings.spill) if settings.spill else place / "spill", settings)
    except BaseException:
        store.close()
        raise

    def others() -> list[Reader]:
        return [PostgresReader(database, one) for one in origins(database) if one != signer.name]

    reader = PostgresReader(database, signer.name)
    return Ledger(store, reader, spill, signer, settings, clock or SystemClock(), others)
