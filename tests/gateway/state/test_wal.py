"""Many processes may make the same file at once; here, many connections of their own threads."""

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from freehold.gateway.state.wal import use_wal

OPENERS = 8


def opened(path: Path, together: threading.Barrier) -> str:
    database = sqlite3.connect(path, timeout=3.0)
    together.wait()
    use_wal(database)
    mode: str = database.execute("PRAGMA journal_mode").fetchone()[0]
    database.close()
    return mode


@pytest.mark.parametrize("turn", range(5))
def test_all_who_make_a_file_at_once_can_use_it(tmp_path: Path, turn: int) -> None:
    together = threading.Barrier(OPENERS)
    with ThreadPoolExecutor(OPENERS) as pool:
        modes = list(pool.map(lambda _: opened(tmp_path / f"{turn}.db", together), range(OPENERS)))
    assert modes == ["wal"] * OPENERS


def test_file_that_stays_locked_is_given_up(tmp_path: Path) -> None:
    path = tmp_path / "held.db"
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("CREATE TABLE one (a)")
    holder.execute("BEGIN EXCLUSIVE")
    other = sqlite3.connect(path, timeout=0.01)
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        use_wal(other, looks_max=3)
    other.close()
    holder.close()


def test_file_that_is_no_database_is_said_at_once(tmp_path: Path) -> None:
    path = tmp_path / "words.db"
    path.write_bytes(b"these are words, and no database " * 40)
    database = sqlite3.connect(path)
    with pytest.raises(sqlite3.DatabaseError, match="not a database"):
        use_wal(database)
    database.close()
