from pathlib import Path

import msgspec
import pytest

from freehold.errors import InputError
from freehold.types.names import Digest
from freehold.watch.runlog import Cost, Happened, Header, RunLog

DIGEST = Digest("sha256:" + "0" * 64)
HEADER = Header(
    run="R", name="test", created_ns=1, recipe=DIGEST, constitution=DIGEST, base=DIGEST, seed=1, threads=1,
    parameters=10,
)  # fmt: skip


def a_run(folder: Path, *events: Happened, tail: bytes = b"") -> RunLog:
    (folder / "run.json").write_bytes(msgspec.json.encode(HEADER))
    lines = b"".join(msgspec.json.encode(event) + b"\n" for event in events)
    (folder / "events.jsonl").write_bytes(lines + tail)
    return RunLog(folder)


def step(number: int, flops: int, time_ns: int = 0) -> Happened:
    cost = {"policy": Cost(flops=flops, seconds=0.5, tokens=3)}
    return Happened(kind="progress", time_ns=time_ns, stage="supervise", step=number, cost=cost)


def test_runlog_counts_a_step_that_was_done_again_once(tmp_path: Path) -> None:
    log = a_run(tmp_path, step(1, 10), step(2, 20), step(2, 21, time_ns=9))
    assert [event.cost["policy"].flops for event in log.events()] == [10, 21]
    assert log.costs()["policy"] == Cost(flops=31, seconds=1.0, tokens=6)


def test_runlog_leaves_out_a_line_that_was_cut_short(tmp_path: Path) -> None:
    log = a_run(tmp_path, step(1, 10), tail=b'{"kind":"progress","time')
    assert len(log.events()) == 1


def test_runlog_of_a_run_that_just_began_is_empty_and_readable(tmp_path: Path) -> None:
    log = a_run(tmp_path)
    assert log.events() == log.evaluations() == log.answers("base") == list(log.rows("samples")) == []
    assert log.stages() == {}


def test_runlog_names_all_four_roles_also_where_nothing_was_spent(tmp_path: Path) -> None:
    assert set(a_run(tmp_path).costs()) == {"policy", "feedback", "oversight", "evaluation"}


@pytest.mark.parametrize("content", [b"", b"[]", b"{}"])
def test_runlog_refuses_what_is_not_a_run(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "run.json").write_bytes(content)
    with pytest.raises(InputError) as caught:
        RunLog(tmp_path)
    assert caught.value.code == "watch.not-a-run"


def test_runlog_refuses_another_format(tmp_path: Path) -> None:
    header = msgspec.structs.replace(HEADER, schema="freehold.run/2")
    (tmp_path / "run.json").write_bytes(msgspec.json.encode(header))
    with pytest.raises(InputError, match="format"):
        RunLog(tmp_path)
