from __future__ import annotations

import pytest

from freehold.clock import ulid
from freehold.plan.perf.observed import Behind, observed
from freehold.types.names import HomeId
from freehold.types.records import CallRecord, HomeFacts, StepRecord, Tokens, Took

HOMES = {"mine": Behind(silicon="h100", chips=2, model="llama-3.3-70b", precision="fp8")}
SECOND_NS = 1_000_000_000


def call(
    start_s: float, took_s: float, out: int = 100, outcome: str = "ok", home: str = "mine"
) -> CallRecord:
    start_ns = int(start_s * SECOND_NS)
    end_ns = start_ns + int(took_s * SECOND_NS)  # the record is made when the call is over
    return CallRecord(
        id=ulid(start_ns), time_ns=end_ns, actual=HomeFacts(home=HomeId(home)), outcome=outcome,  # type: ignore[arg-type]
        tokens=Tokens(fresh=50, output=out), took=Took(total_us=int(took_s * 1e6)),
    )  # fmt: skip


def test_observed_counts_tokens_over_busy_time_and_calls_at_once() -> None:
    calls = [call(i // 4, 1.0) for i in range(40)]
    (found,) = observed(calls, HOMES)
    assert found.tokens_per_s == pytest.approx(400, rel=0.01)
    assert found.work.batch == 4
    assert (found.work.inputs, found.work.outputs) == (50, 100)


def test_observed_counts_overlapping_calls_of_different_lengths_once() -> None:
    calls = [call(0.0, 10.0 - i / 10) for i in range(20)]
    (found,) = observed(calls, HOMES)
    assert found.tokens_per_s == pytest.approx(200, rel=0.01)


def test_observed_leaves_idle_time_out() -> None:
    calls = [call(i * 100.0, 1.0) for i in range(30)]
    (found,) = observed(calls, HOMES)
    assert found.tokens_per_s == pytest.approx(100, rel=0.01)


def test_observed_ignores_failures_strangers_and_handfuls() -> None:
    assert observed([call(i, 1.0, outcome="failed") for i in range(40)], HOMES) == []
    assert observed([call(i, 1.0, home="other") for i in range(40)], HOMES) == []
    assert observed([call(i, 1.0) for i in range(5)], HOMES) == []


def test_observed_reads_training_steps() -> None:
    steps = [
        StepRecord(
            id=ulid(i), time_ns=SECOND_NS * i, run="r", stage="s", step=i,
            actual=HomeFacts(home=HomeId("mine")),
            tokens=Tokens(fresh=1000), took=Took(total_us=500_000),
        )
        for i in range(1, 4)
    ]  # fmt: skip
    (found,) = observed(steps, HOMES)
    assert found.work.kind == "train"
    assert found.tokens_per_s == pytest.approx(2000)
