from __future__ import annotations

from pathlib import Path

import pytest

from freehold.clock import FakeClock
from freehold.errors import InputError
from freehold.plan.store import adopt, digest_of, encoded, held, in_force, read, save
from freehold.types.contracts import Admit
from freehold.types.homes import Policy
from freehold.types.names import RecordId
from freehold.types.records import AnyRecord, PlanRecord
from tests.plan.conftest import Planner


class Kept:
    """A recorder that keeps what it is given."""

    def __init__(self) -> None:
        self.entries: list[AnyRecord] = []

    def admit(self, policy: Policy) -> Admit:
        return Admit()

    def record(self, entry: AnyRecord) -> None:
        self.entries.append(entry)

    async def durable(self, id: RecordId) -> None:
        return None


def test_adopted_plan_is_in_force_and_recorded(planned: Planner, tmp_path: Path) -> None:
    plan, recorder = planned().plan, Kept()
    digest = adopt(plan, tmp_path, recorder, FakeClock())
    assert in_force(tmp_path) == plan
    (entry,) = recorder.entries
    assert isinstance(entry, PlanRecord)
    assert entry.plan == digest == digest_of(plan)
    assert entry.adopted
    assert entry.cost_nano_usd_per_hour == round(plan.usd_per_hour * 1e9)


def test_no_plan_is_in_force_before_one_is_adopted(tmp_path: Path) -> None:
    assert in_force(tmp_path) is None
    assert held(None) == {}


def test_saved_plan_is_read_back_as_it_was(planned: Planner, tmp_path: Path) -> None:
    plan = planned().plan
    save(plan, tmp_path / "deep" / "plan.json")
    assert read(tmp_path / "deep" / "plan.json") == plan
    assert encoded(plan) == (tmp_path / "deep" / "plan.json").read_bytes()


@pytest.mark.parametrize("content", [b"", b"{}", b"not json", b"\xff\xfe"])
def test_read_refuses_what_is_no_plan(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "plan.json"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        read(path)
    assert caught.value.code == "plan.bad-file"


def test_held_says_where_work_is_without_standby(planned: Planner) -> None:
    places = held(planned().plan)
    assert places["chat"] == {"bedrock-use1"}
    assert places["search"] == {"h100-nebius", "v6e-us5"}
