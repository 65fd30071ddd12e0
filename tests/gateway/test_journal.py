import os
import signal
import subprocess
import sys
from pathlib import Path

from freehold.gateway import journal
from freehold.gateway.journal import Journal, left_behind
from freehold.gateway.meters import DOLLARS, TOKENS, Place
from freehold.gateway.slices import RESERVED_AT, USED_AT
from freehold.gateway.state import Left

BUDGET = Place("00000000aa", DOLLARS, 0)
KILLED = """
import os, signal, sys
from pathlib import Path
from freehold.gateway.journal import Journal
from freehold.gateway.meters import Place
made = Journal(Path(sys.argv[1]), "gone")
row = made.row(Place("00000000aa", 3, 0))
other = made.row(Place("00000000bb", 2, 77))
row[3], row[4] = 41, 7
made.release(other)
os.kill(os.getpid(), signal.SIGKILL)
"""


def killed(folder: Path) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, str(folder)], check=False, env={**os.environ})
    assert done.returncode == -signal.SIGKILL


def test_what_a_killed_process_had_is_read_by_who_comes_next(tmp_path: Path) -> None:
    killed(tmp_path)
    ((owner, left, path),) = list(left_behind(tmp_path))
    assert (owner, left) == ("gone", [Left(place=BUDGET, used=41, reserved=7)])
    path.unlink()
    assert list(left_behind(tmp_path)) == []


def test_file_of_a_process_that_lives_is_left_alone(tmp_path: Path) -> None:
    own = Journal(tmp_path, "alive")
    own.row(BUDGET)
    assert list(left_behind(tmp_path)) == []
    own.close(settled=True)
    assert list(tmp_path.iterdir()) == []


def test_what_could_not_be_settled_stays_for_the_next(tmp_path: Path) -> None:
    own = Journal(tmp_path, "stopped")
    row = own.row(BUDGET)
    assert row is not None
    row[USED_AT], row[RESERVED_AT] = 5, 0
    row.release()
    own.close(settled=False)
    assert [left for _, left, _ in left_behind(tmp_path)] == [[Left(place=BUDGET, used=5, reserved=0)]]


def test_what_another_boot_wrote_may_be_older_than_the_truth(tmp_path: Path, monkeypatch: object) -> None:
    killed(tmp_path)
    before, journal.boot_id = journal.boot_id, lambda: "another"
    try:
        ((_, (left,), _),) = list(left_behind(tmp_path))
    finally:
        journal.boot_id = before
    assert (left.used, left.reserved) == (41, 0)  # what it might have used beyond is its ceiling, here none


def test_rows_are_used_again(tmp_path: Path) -> None:
    own = Journal(tmp_path, "busy")
    for window in range(1000):
        row = own.row(Place("00000000aa", TOKENS, window))
        assert row is not None
        own.release(row)
    row = own.row(BUDGET)
    assert row is not None
    assert row[7] == 0
    row.release()
    own.close(settled=True)


def test_damaged_file_is_not_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "broken.lease").write_bytes(b"\xff" * 1000)
    assert list(left_behind(tmp_path)) == []
    assert list(tmp_path.iterdir()) == []
