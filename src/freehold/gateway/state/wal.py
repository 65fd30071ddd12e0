"""A SQLite file that several processes open, made ready to be written by one while others read it."""

from __future__ import annotations

import sqlite3
import threading
from typing import Final

LOOK_AGAIN_SECONDS: Final = 0.01
LOOKS_MAX: Final = 300


def use_wal(database: sqlite3.Connection, looks_max: int = LOOKS_MAX) -> None:
    """Turn the write-ahead log on. Where another process is just doing so, SQLite says at once that the file
    is locked, whatever timeout the connection has; so it is asked again.
    """
    for _ in range(looks_max - 1):
        try:
            database.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                raise
            threading.Event().wait(LOOK_AGAIN_SECONDS)
        else:
            return
    database.execute("PRAGMA journal_mode = WAL")
