"""A searchable copy of each record's facts, in SQLite. Deleted at any time, it is rebuilt from the records.

A thread of its own fills it, behind the commits and never in their way. Rows go in by the hundred in one
statement, so that SQLite works outside the interpreter's lock. Readers add what is not indexed yet.
"""

from __future__ import annotations

import sqlite3
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from pathlib import Path

import msgspec

from freehold.ledger.facts import Facts, facts_in
from freehold.ledger.store import Reader

COLUMNS = Facts._fields
ROWS_PER_STATEMENT = 128
ROWS_PER_READ = 4096
ROWS_READ_BACK = 8192  # at a time, where the queue was full
GATHER_S = 0.25  # between two transactions, unless somebody waits or enough has come
ENOUGH_ROWS = 16 * ROWS_PER_STATEMENT  # for one transaction
BACKLOG_ROWS_MAX = 32_768  # kept in memory; what is more is read back from the records
SCHEMA_VERSION = 1
_TABLE = (
    "CREATE TABLE IF NOT EXISTS records (seq INTEGER PRIMARY KEY, id TEXT NOT NULL, time_ns INTEGER NOT NULL,"
    " kind TEXT NOT NULL, workload TEXT, home TEXT, outcome TEXT, key TEXT, tokens_in INTEGER,"
    " tokens_out INTEGER, nano_usd INTEGER)"
)
_BY_ID = "CREATE INDEX IF NOT EXISTS records_by_id ON records (id)"
_ROW = f"({', '.join('?' * len(COLUMNS))})"
_INSERT_ONE = f"INSERT INTO records VALUES {_ROW}"  # noqa: S608  # constants of this file
_INSERT_MANY = f"INSERT INTO records VALUES {', '.join([_ROW] * ROWS_PER_STATEMENT)}"  # noqa: S608


class Index:
    """Follows a store. `add` only queues; when the queue is full, the thread reads the records instead."""

    def __init__(self, path: Path, reader: Reader) -> None:
        self._path = path
        self._reader = reader
        self._rows: deque[Facts] = deque()
        self._wake = threading.Event()
        self._hurry = threading.Event()
        self._closing = False
        self._size = reader.size()
        self.failing: str | None = None
        self.caught_up = threading.Event()
        self._thread = threading.Thread(target=self._run, name="freehold-ledger-index", daemon=True)
        self._thread.start()

    def add(self, facts: Sequence[Facts], size: int) -> None:
        self.caught_up.clear()
        self._size = size
        if len(self._rows) + len(facts) <= BACKLOG_ROWS_MAX:
            self._rows.extend(facts)
        self._wake.set()
        if len(self._rows) >= ENOUGH_ROWS:
            self._hurry.set()

    def catch_up(self, seconds_max: float) -> None:
        """Wait until everything is indexed."""
        self._hurry.set()
        self.caught_up.wait(seconds_max)

    def close(self) -> None:
        self._closing = True
        self._hurry.set()
        self._wake.set()
        self._thread.join()

    def _run(self) -> None:
        while True:
            try:
                self._follow()
                return
            except (sqlite3.Error, OSError) as error:
                self.failing = str(error)  # searches read the records themselves meanwhile
            self.caught_up.set()
            if self._closing:
                return
            self._wake.wait()
            self._wake.clear()

    def _follow(self) -> None:
        """Until closed; what was queued when the disk failed is read from the records afterwards."""
        database = _open(self._path, self._size)
        try:
            while True:
                self._catch_up(database)
                self.failing = None
                self.caught_up.set()
                if self._rows:  # came in between
                    self.caught_up.clear()
                    continue
                if self._closing:
                    return
                self._wake.wait()
                self._wake.clear()
                self._hurry.wait(GATHER_S)  # SQLite takes many rows for the price of a few
                if not self._closing:
                    self._hurry.clear()
        finally:
            database.close()

    def _catch_up(self, database: sqlite3.Connection) -> None:
        indexed = indexed_size(database)
        while indexed < self._size or self._rows:
            while self._rows and self._rows[0].seq < indexed:
                self._rows.popleft()
            if self._rows and self._rows[0].seq == indexed:
                rows = [self._rows.popleft() for _ in range(min(len(self._rows), ENOUGH_ROWS))]
            else:
                stop = min(self._rows[0].seq if self._rows else self._size, indexed + ROWS_READ_BACK)
                rows = list(_facts(self._reader, indexed, stop))
            insert(database, rows)
            indexed = rows[-1].seq + 1


def _open(path: Path, size: int) -> sqlite3.Connection:
    """The index, emptied if it is damaged, of another version, or ahead of the records."""
    for _ in range(2):
        database = sqlite3.connect(path, isolation_level=None)
        try:
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("PRAGMA synchronous = NORMAL")
            version = database.execute("PRAGMA user_version").fetchone()[0]
            if version in (0, SCHEMA_VERSION):
                database.execute(_TABLE)
                database.execute(_BY_ID)
                database.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
                if indexed_size(database) <= size:
                    return database
        except sqlite3.DatabaseError as error:
            if not isinstance(error, sqlite3.NotSupportedError) and "disk" in str(error):
                database.close()
                raise  # full or failing: deleting the index would not help
        database.close()
        for name in (path.name, f"{path.name}-wal", f"{path.name}-shm"):
            path.with_name(name).unlink(missing_ok=True)
    raise sqlite3.DatabaseError(f"{path} cannot be made anew")


def indexed_size(database: sqlite3.Connection, table: str = "main.records") -> int:
    last = database.execute(f"SELECT max(seq) FROM {table}").fetchone()[0]  # noqa: S608  # names of this file
    return 0 if last is None else int(last) + 1


def insert(database: sqlite3.Connection, rows: Sequence[Facts]) -> None:
    """All rows in one transaction."""
    database.execute("BEGIN")
    try:
        whole = len(rows) - len(rows) % ROWS_PER_STATEMENT
        for start in range(0, whole, ROWS_PER_STATEMENT):
            part = rows[start : start + ROWS_PER_STATEMENT]
            database.execute(_INSERT_MANY, tuple(chain.from_iterable(part)))
        database.executemany(_INSERT_ONE, rows[whole:])
    except BaseException:
        database.execute("ROLLBACK")
        raise
    database.execute("COMMIT")


def _facts(reader: Reader, start: int, stop: int) -> Iterator[Facts]:
    for seq, leaf in enumerate(reader.leaves(start, stop), start):
        yield readable(seq, leaf)


def readable(seq: int, leaf: bytes) -> Facts:
    """The facts of a stored leaf; of one that is no record of ours, only its place."""
    try:
        return facts_in(seq, leaf)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return Facts(seq, "", 0, "unreadable", None, None, None, None, None, None, None)


def searchable(path: Path, reader: Reader) -> sqlite3.Connection:
    """A connection whose table `records` holds every record: the index, and what it does not hold yet."""
    database = sqlite3.connect("file::memory:", uri=True, isolation_level=None)
    database.execute(_TABLE.replace("records", "tail", 1))
    size, indexed = reader.size(), 0
    try:
        database.execute("ATTACH ? AS kept", (f"{path.resolve().as_uri()}?mode=ro",))
        indexed = min(size, indexed_size(database, "kept.records"))
        database.execute(
            "CREATE TEMP VIEW records AS SELECT * FROM kept.records UNION ALL SELECT * FROM main.tail"
        )
    except sqlite3.DatabaseError:  # no index, or a damaged one: everything is read from the records
        database.execute("CREATE TEMP VIEW records AS SELECT * FROM main.tail")
    rows = _facts(reader, indexed, size)
    while part := list(islice(rows, ROWS_PER_READ)):
        database.execute("BEGIN")
        database.executemany(f"INSERT INTO main.tail VALUES {_ROW}", part)  # noqa: S608  # our constant
        database.execute("COMMIT")
    return database


def empty() -> sqlite3.Connection:
    """A table of records in memory."""
    database = sqlite3.connect(":memory:", isolation_level=None)
    database.execute(_TABLE)
    return database


def find(path: Path, reader: Reader, id: str) -> int | None:
    """The place of the record with this id, or None."""
    indexed = 0
    if path.exists():
        try:
            database = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
            try:
                row = database.execute("SELECT seq FROM records WHERE id = ?", (id,)).fetchone()
                if row is not None:
                    return int(row[0])
                indexed = indexed_size(database)
            finally:
                database.close()
        except sqlite3.DatabaseError:
            indexed = 0  # damaged or locked: read the records
    wanted = f'"id":"{id}"'.encode()
    for seq, leaf in enumerate(reader.leaves(indexed, reader.size()), indexed):
        if wanted in leaf[:128] and readable(seq, leaf).id == id:
            return seq
    return None
