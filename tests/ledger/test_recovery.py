import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random

import msgspec
import pytest

from freehold.config.values import Size
from freehold.errors import IntegrityError
from freehold.ledger import Ledger
from freehold.ledger.files import FileReader
from freehold.ledger.verify import verify
from freehold.types.records import CallRecord

Call = Callable[..., CallRecord]
Start = Callable[..., Ledger]
Kept = Callable[..., FileReader]

# Writes as fast as it can; after each group it prints an id once that is durable.
LOAD = """
import asyncio, sys
from pathlib import Path
from freehold.clock import ulid
from freehold.config.values import Duration, Size
from freehold.ledger import LedgerSettings, open_recorder
from freehold.types.records import CallRecord

small = Size("64KiB")
settings = LedgerSettings(checkpoint_every=Duration("5ms"), segment_size=small, spill_size=small)
ledger = open_recorder(settings, Path(sys.argv[1]))
first = int(sys.argv[2])
for number in range(first, first + 10**9):
    id = ulid(number * 10**6, number.to_bytes(10, "big"))
    ledger.record(CallRecord(id=id, time_ns=number, workload="chat", tags={"n": str(number)}))
    if number % 20 == 0:
        asyncio.run(ledger.durable(id))
        print(id, flush=True)
"""


def kill_under_load(folder: Path, first: int, lines: int, pause_s: float) -> list[str]:
    """Run the load, kill it in the middle of what it does; the ids that it was told are durable."""
    process = subprocess.Popen(
        [sys.executable, "-c", LOAD, str(folder), str(first)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    told = [process.stdout.readline().strip() for _ in range(lines)]
    try:
        process.wait(pause_s)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
    told += process.stdout.read().split()
    process.stdout.close()
    assert process.wait() == -signal.SIGKILL, "the load ended by itself"
    return [id for id in told if len(id) == 26]


def kill_again_and_again(folder: Path, times: int, seed: int) -> None:
    random, acknowledged = Random(seed), set()
    for round_ in range(times):
        acknowledged |= set(
            kill_under_load(folder, round_ * 10**6, random.randrange(1, 4), random.random() / 20)
        )
    reader = FileReader(folder / "ledger" / "local")
    stored = {msgspec.json.decode(leaf)["id"] for leaf in reader.leaves(0, reader.size())}
    assert acknowledged <= stored
    assert verify(reader, jobs=1).holds, "also before a start has cut off what was torn"
    start = subprocess.run(
        [sys.executable, "-c", "import sys; from pathlib import Path; from freehold.ledger import *;"
         "open_recorder(LedgerSettings(), Path(sys.argv[1])).close()", str(folder)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert start.returncode == 0, start.stderr
    report = verify(reader, jobs=1)
    assert report.holds and report.covered == report.records


def test_kill_at_any_moment_loses_nothing_acknowledged(tmp_path: Path) -> None:
    kill_again_and_again(tmp_path, times=8, seed=1)


@pytest.mark.slow
def test_kill_two_hundred_times_loses_nothing_acknowledged(tmp_path: Path) -> None:
    kill_again_and_again(tmp_path, times=200, seed=2)


def torn(reader: FileReader, cut: int) -> None:
    """Leave what a power cut in the middle of the last write leaves: all but the last `cut` bytes."""
    reader.layout.checkpoint.unlink()  # signed only after the commit, so not there yet
    reader.layout.history.unlink()
    path = reader.layout.segment_list()[-1].path
    os.truncate(path, path.stat().st_size - cut)
    reader.layout.opened.touch()


@pytest.mark.parametrize("cut", [1, 5, 200])
def test_torn_write_is_cut_off_and_told(kept: Kept, start: Start, call: Call, place: Path, cut: int) -> None:
    kept(10)
    reader = kept(10)
    torn(reader, cut)
    ledger = start()
    ledger.record(call(30))
    ledger.close()
    report = verify(reader)
    assert report.holds
    found = [msgspec.json.decode(leaf) for leaf in reader.leaves(0, reader.size())]
    (alarm,) = [one for one in found if one["kind"] == "alarm/1"]
    assert alarm["alarm"] == "ledger.unclean-stop"
    assert int(alarm["evidence"]["torn_bytes"]) > 0


def test_tail_of_zeros_is_cut_off(kept: Kept, start: Start) -> None:
    reader = kept(10)
    with reader.layout.segment_list()[-1].path.open("ab") as file:
        file.write(bytes(5000))
    assert verify(reader).findings[0].kind == "damaged"
    reader.layout.opened.touch()  # what a stop in the middle leaves
    assert (verify(reader).holds, verify(reader).torn_bytes) == (True, 5000)
    start().close()
    assert (verify(reader).holds, verify(reader).torn_bytes) == (True, 0)


def test_segment_torn_in_its_first_commit_is_begun_again(kept: Kept, start: Start, call: Call) -> None:
    reader = kept(10)
    reader.layout.segment(10).write_bytes(b"\0\0\0\1\0\0")
    ledger = start()
    ledger.record(call(10))
    ledger.close()
    assert (reader.size(), verify(reader).holds) == (11, True)


def test_records_missing_below_a_checkpoint_are_not_cut_off_quietly(kept: Kept, start: Start) -> None:
    kept(10)
    reader = kept(10)
    path = reader.layout.segment_list()[-1].path
    before = path.read_bytes()[:-30]
    path.write_bytes(before)
    with pytest.raises(IntegrityError) as caught:
        start()
    assert caught.value.code == "ledger.truncated"
    assert path.read_bytes() == before, "nothing was changed"


def test_damage_before_the_end_is_not_taken_for_a_torn_write(kept: Kept, start: Start) -> None:
    kept(10)
    reader = kept(10)
    path = reader.layout.segment_list()[-1].path
    data = bytearray(path.read_bytes())
    data[200] ^= 1
    path.write_bytes(data)
    with pytest.raises(IntegrityError) as caught:
        start()
    assert caught.value.code == "ledger.damaged"
    assert path.read_bytes() == data


@pytest.mark.parametrize("lost", ["tree", "index.sqlite"])
def test_what_can_be_computed_again_is(kept: Kept, start: Start, call: Call, place: Path, lost: str) -> None:
    reader = kept(700, segment_size=Size("100KB"))
    for path in [place / lost] if (place / lost).is_file() else (place / lost).iterdir():
        path.unlink()
    ledger = start()
    ledger.record(call(700))
    ledger.close()
    assert verify(reader).holds
    assert reader.find(call(3).id) == 3
    assert (place / "tree" / "0").stat().st_size == 701 * 32


@pytest.mark.parametrize("garbage", [b"", b"not a database at all", bytes(9000)])
def test_index_that_is_damaged_is_made_again(
    kept: Kept, start: Start, call: Call, place: Path, garbage: bytes
) -> None:
    reader = kept(50)
    (place / "index.sqlite").write_bytes(garbage)
    assert reader.find(call(3).id) == 3
    ledger = start()
    ledger.close()
    assert reader.find(call(3).id) == 3
    assert (place / "index.sqlite").stat().st_size > 4096


def test_index_ahead_of_the_records_is_made_again(kept: Kept, start: Start, place: Path, call: Call) -> None:
    kept(50)
    index = (place / "index.sqlite").read_bytes()
    other = kept(0)
    path = other.layout.segment_list()[-1].path
    (place / "checkpoint").unlink()
    os.truncate(path, path.stat().st_size // 2)
    (place / "index.sqlite").write_bytes(index)
    ledger = start()
    ledger.record(call(60))
    asyncio.run(ledger.durable(call(60).id))
    ledger.close()
    assert other.find(call(60).id) == other.size() - 1
