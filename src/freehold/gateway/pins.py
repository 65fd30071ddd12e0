"""Which home holds what a vendor stored: a response, a conversation, a container.

Calls that name it go there. Learned from the answers that made it. Kept in memory, and in a small file that
the processes of one machine share and that outlives them; a thread reads and writes it, not the loop.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, NamedTuple

from freehold.gateway.state.wal import use_wal
from freehold.types.names import HomeId

PINS_MAX: Final = 50_000  # in memory, per process
ROWS_MAX: Final = 1_000_000  # in the file
WAITING_MAX: Final = 10_000  # not written yet
ID_CHARS_MAX: Final = 512
BUSY_SECONDS: Final = 2.0
LOOKS: Final = 4  # for a pin that another process may just be writing, or a file it may just be making
LOOK_AGAIN_SECONDS: Final = 0.05
_SCHEMA = """
CREATE TABLE IF NOT EXISTS pins (
    id TEXT PRIMARY KEY,
    home TEXT NOT NULL,
    key TEXT
) STRICT
"""


class Pin(NamedTuple):
    """The home that holds it, and the key whose call made it: another key's calls may not name it."""

    home: HomeId
    key: str | None


class PinFile:
    """Pins in SQLite. Every method blocks, so all are called in the one thread of `Pins`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._database: sqlite3.Connection | None = None
        self._written = 0

    def put(self, rows: list[tuple[str, Pin]]) -> None:
        with self._open() as database:
            database.executemany(
                "INSERT OR REPLACE INTO pins VALUES (?, ?, ?)", [(id, pin.home, pin.key) for id, pin in rows]
            )
            self._written += len(rows)
            if self._written > ROWS_MAX // 100:
                self._written = 0
                database.execute(
                    "DELETE FROM pins WHERE rowid <= (SELECT max(rowid) FROM pins) - ?", (ROWS_MAX,)
                )

    def get(self, ids: Iterable[str]) -> dict[str, Pin]:
        database, found = self._open(), {}
        for id in ids:
            row = database.execute("SELECT home, key FROM pins WHERE id = ?", (id,)).fetchone()
            if row is not None:
                found[id] = Pin(HomeId(row[0]), row[1])
        return found

    def _open(self) -> sqlite3.Connection:
        if self._database is None:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            database = sqlite3.connect(self._path, timeout=BUSY_SECONDS)
            use_wal(database)
            database.execute("PRAGMA synchronous = NORMAL")
            database.execute(_SCHEMA)
            self._path.chmod(0o600)
            self._database = database
        return self._database

    def close(self) -> None:
        if self._database is not None:
            self._database.close()


class Pins:
    """The latest pins, oldest forgotten first. Without a file they are this process's own."""

    def __init__(self, file: PinFile | None = None, say: Callable[[str], None] = lambda words: None) -> None:
        self._pins: OrderedDict[str, Pin] = OrderedDict()
        self._file, self._say = file, say
        self._thread = ThreadPoolExecutor(1, "freehold-pins") if file is not None else None
        self._waiting: deque[tuple[str, Pin]] = deque()
        self.away = ""

    def pin(self, ids: Iterable[str], home: HomeId, key: str | None = None) -> None:
        for id in ids:
            if len(id) > ID_CHARS_MAX:
                continue
            pin = Pin(home, key)
            self._remember(id, pin)
            if self._thread is not None and len(self._waiting) < WAITING_MAX:
                self._waiting.append((id, pin))
                self._thread.submit(self._write)

    def home_of(self, id: str, key: str | None = None) -> HomeId | None:
        found = self._pins.get(id)
        return found.home if found is not None and found.key == key else None

    def missing(self, ids: Iterable[str]) -> list[str]:
        """Those that only the file can know of."""
        return [id for id in ids if id not in self._pins] if self._thread is not None else []

    async def look(self, ids: list[str]) -> None:
        """Learn from the file what other processes, and earlier ones, have seen."""
        assert self._thread is not None
        for again in range(LOOKS):
            found = await asyncio.get_running_loop().run_in_executor(self._thread, self._read, ids)
            for id, pin in found.items():
                self._remember(id, pin)
            if len(found) == len(ids):
                return
            if again + 1 < LOOKS:
                await asyncio.sleep(LOOK_AGAIN_SECONDS)

    def close(self) -> None:
        if self._thread is not None and self._file is not None:
            self._thread.submit(self._file.close)
            self._thread.shutdown(wait=True)

    def _remember(self, id: str, pin: Pin) -> None:
        self._pins[id] = pin
        self._pins.move_to_end(id)
        if len(self._pins) > PINS_MAX:
            self._pins.popitem(last=False)

    # In the thread.

    def _write(self) -> None:
        rows: list[tuple[str, Pin]] = []
        while self._waiting:  # only this thread takes from it
            rows.append(self._waiting.popleft())
        try:
            assert self._file is not None
            self._file.put(rows)
        except (sqlite3.Error, OSError) as error:
            self._trouble(error)
        else:
            self.away = ""

    def _read(self, ids: list[str]) -> dict[str, Pin]:
        try:
            assert self._file is not None
            return self._file.get(ids)
        except (sqlite3.Error, OSError) as error:
            self._trouble(error)
            return {}

    def _trouble(self, error: Exception) -> None:
        """Pins go on in memory; said once."""
        if not self.away:
            self._say(f"pins of stored state are not shared: {error}")
        self.away = str(error) or type(error).__name__
