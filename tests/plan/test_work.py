from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.errors import InputError
from freehold.plan.settings import PlanSettings, WorkSettings
from freehold.plan.work import Asked, asked, read_trace, segments
from freehold.types.homes import Workload
from freehold.types.names import WorkloadId

CHAT = Workload(id=WorkloadId("chat"), requests_per_min=100.0, input_tokens=10, output_tokens=20)


@given(st.lists(st.floats(0.0, 1e6), min_size=1, max_size=50).filter(lambda rates: max(rates) > 1e-3))
def test_segments_add_up_to_the_peak_and_to_the_mean(rates: list[float]) -> None:
    found = segments(rates)
    assert sum(one.requests_per_min for one in found) == pytest.approx(max(rates))
    mean = sum(one.requests_per_min * one.duty for one in found)
    assert mean == pytest.approx(sum(rates) / len(rates), rel=1e-6, abs=1e-9)
    assert [one.duty for one in found] == sorted(one.duty for one in found)


def test_asked_of_a_flat_demand_is_one_segment() -> None:
    found = asked(CHAT, PlanSettings())
    assert isinstance(found, Asked)
    assert found.peak == found.mean == 100
    assert len(found.segments) == 1


def test_asked_follows_a_curve() -> None:
    settings = PlanSettings(work={"chat": WorkSettings(curve=(0.0, 1.0))})
    found = asked(CHAT, settings)
    assert isinstance(found, Asked)
    assert found.peak == 100
    assert found.mean == pytest.approx(50)


def test_asked_says_what_it_assumed() -> None:
    found = asked(Workload(id=WorkloadId("x"), requests_per_min=1.0), PlanSettings())
    assert isinstance(found, Asked)
    assert "input" in found.assumed[0]


def test_asked_without_a_demand_says_what_is_missing() -> None:
    assert "requests_per_min" in str(asked(Workload(id=WorkloadId("x")), PlanSettings()))
    job = Workload(id=WorkloadId("x"), kind="train")
    assert "tokens" in str(asked(job, PlanSettings()))


def test_trace_gives_calls_a_minute_and_mean_tokens(tmp_path: Path) -> None:
    path = tmp_path / "trace.csv"
    path.write_text("TIMESTAMP,ContextTokens,GeneratedTokens\n0,10,1\n30,20,3\n125,30,2\n")
    assert read_trace(path) == ([2.0, 0.0, 1.0], 20, 2)


def test_trace_takes_timestamps_with_seven_digits(tmp_path: Path) -> None:
    path = tmp_path / "trace.csv"
    path.write_text("T,I,O\n2023-11-16 18:17:03.9799600,10,5\n2023-11-16 18:17:04.0319600,30,7\n")
    rates, inputs, outputs = read_trace(path)
    assert (sum(rates), inputs, outputs) == (2.0, 20, 6)


@pytest.mark.parametrize("text", ["", "T,I,O\n", "T,I,O\nx,1,2\n", "T,I,O\n1,a,2\n", "T,I,O\n1\n"])
def test_trace_that_is_none_is_an_error_with_a_way_out(tmp_path: Path, text: str) -> None:
    path = tmp_path / "trace.csv"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        read_trace(path)
    assert caught.value.code == "plan.bad-trace"
    assert caught.value.fix


def test_trace_of_a_real_service_is_read_whole(shared_data: Path) -> None:
    rates, inputs, outputs = read_trace(shared_data / "traces/AzureLLMInferenceTrace_conv.csv")
    assert sum(rates) == 19_366
    assert 1000 < inputs < 1400
    assert 100 < outputs < 300
