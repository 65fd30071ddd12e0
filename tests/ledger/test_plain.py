import asyncio
import json
from pathlib import Path

import pytest

from freehold.clock import ulid
from freehold.errors import UnavailableError
from freehold.ledger import PlainRecorder
from freehold.types.contracts import Admit
from freehold.types.homes import Policy
from freehold.types.records import CallRecord


def call(number: int) -> CallRecord:
    return CallRecord(id=ulid(number * 1_000_000), time_ns=number)


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_every_record_is_one_line_in_order(tmp_path: Path) -> None:
    recorder = PlainRecorder(tmp_path / "deep" / "records.jsonl")
    for number in range(1, 500):
        recorder.record(call(number))
    recorder.close()
    assert [line["time_ns"] for line in lines(tmp_path / "deep" / "records.jsonl")] == list(range(1, 500))


def test_durable_returns_once_the_record_is_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    recorder = PlainRecorder(path)
    entry = call(1)
    recorder.record(entry)
    asyncio.run(recorder.durable(entry.id))
    assert lines(path)[0]["id"] == entry.id
    recorder.close()


def test_durable_of_a_record_already_written_returns_at_once(tmp_path: Path) -> None:
    recorder = PlainRecorder(tmp_path / "records.jsonl")
    asyncio.run(recorder.durable(call(1).id))
    recorder.close()
    assert lines(tmp_path / "records.jsonl") == []


def test_healthy_recorder_admits_work(tmp_path: Path) -> None:
    recorder = PlainRecorder(tmp_path / "records.jsonl")
    assert recorder.admit(Policy()) == Admit()
    recorder.close()


def test_place_that_cannot_be_written_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UnavailableError) as caught:
        PlainRecorder(tmp_path / "file" / "records.jsonl")
    assert caught.value.code == "ledger.unwritable"
