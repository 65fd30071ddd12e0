import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.cli.top_read import Reading, frame, rooms_of, samples_of
from freehold.gateway.exposition import expose, snapshot
from freehold.gateway.metrics import Metrics

HOME = {
    "home": "a", "state": "closed", "slow": False, "answered": 3, "failed": 1, "connections": 2, "pool": "p",
    "back_in_s": 0.0,
}  # fmt: skip


def reading(metrics: Metrics, at_s: float, *homes: dict[str, object], **more: object) -> Reading:
    text = expose([snapshot(metrics, {"freehold_calls_in_flight": 2})])
    made = Reading(at_s=at_s, ready=True, homes=homes or (HOME,), samples=samples_of(text))
    return msgspec.structs.replace(made, **more)


@given(st.text(max_size=40))
def test_any_label_is_read_as_it_was_written(name: str) -> None:
    metrics = Metrics()
    metrics.attempt_failed(name, "reset")
    found = samples_of(expose([snapshot(metrics, {})]))["freehold_attempts_failed_total"]
    assert [dict(labels)["home"] for labels in found] == [name]


def test_rates_are_between_two_readings() -> None:
    metrics = Metrics()
    metrics.call("chat", "a", "ok", 0.010)
    before = reading(metrics, 10.0)
    for _ in range(4):
        metrics.call("chat", "a", "ok", 0.010)
    metrics.call("chat", "", "failed", 0.5)
    metrics.attempt_failed("a", "reset")
    found = frame(before, reading(metrics, 12.0))
    assert (found.calls_per_s, found.in_flight, found.processes) == (2.5, 2, 1)
    assert (found.homes[0].calls_per_s, found.homes[0].failures_per_s) == (2.0, 0.5)
    assert (found.workloads[0].calls, found.workloads[0].not_ok) == (6, 1)


def test_gateway_that_began_anew_has_no_rate_below_zero() -> None:
    old, new = Metrics(), Metrics()
    for _ in range(9):
        old.call("chat", "a", "ok", 0.01)
    new.call("chat", "a", "ok", 0.01)
    assert frame(reading(old, 0.0), reading(new, 1.0)).calls_per_s == 1.0


def test_quantiles_are_of_what_ended_meanwhile_else_of_all() -> None:
    metrics = Metrics()
    for _ in range(100):
        metrics.call("chat", "a", "ok", 0.003)
    before = reading(metrics, 0.0)
    same = frame(before, reading(metrics, 1.0)).workloads[0]
    for _ in range(100):
        metrics.call("chat", "a", "ok", 3.0)
    later = frame(before, reading(metrics, 1.0)).workloads[0]
    assert same.p50_s is not None and 0.002 <= same.p50_s <= 0.004
    assert later.p50_s is not None and 2.0 <= later.p50_s <= 4.1


def test_home_nobody_asked_has_no_latency() -> None:
    assert frame(reading(Metrics(), 0.0), reading(Metrics(), 1.0)).homes[0].first_p50_s is None


def test_spend_is_by_workload_and_key_and_unknown_cost_is_no_zero() -> None:
    metrics = Metrics()
    before = reading(metrics, 0.0)
    metrics.spent_on("chat", "k1", 2_000_000_000)
    metrics.spent_on("chat", None, None)
    paid, unknown = frame(before, reading(metrics, 3600.0)).spend
    assert (paid.key, paid.usd, paid.usd_per_hour, paid.unknown) == ("k1", 2.0, 2.0, 0)
    assert (unknown.key, unknown.usd, unknown.unknown) == ("", 0.0, 1)


def test_processes_are_put_together_and_the_worst_state_is_shown() -> None:
    cooling = {**HOME, "state": "cooling", "back_in_s": 4.0}
    (found,) = frame(reading(Metrics(), 0.0), reading(Metrics(), 1.0, HOME, cooling)).homes
    assert (found.state, found.back_in_s, found.answered, found.connections) == ("cooling", 4.0, 6, 4)


@pytest.mark.parametrize(
    ("state", "slow", "shown"), [("closed", True, "slow"), ("half_open", False, "probed")]
)
def test_states_have_words(state: str, slow: bool, shown: str) -> None:
    one = {**HOME, "state": state, "slow": slow}
    assert frame(reading(Metrics(), 0.0), reading(Metrics(), 1.0, one)).homes[0].state == shown


def test_room_is_the_least_that_any_process_sees() -> None:
    told = {
        "schema": "x",
        "data": [[{"pool": "p", "room": 0.5}], [{"pool": "p", "room": 0.2}, {"pool": "q"}]],
    }
    assert rooms_of(told) == {"p": 0.2, "q": None}
    found = frame(reading(Metrics(), 0.0), reading(Metrics(), 1.0, room={"p": 0.2}))
    assert found.homes[0].room == 0.2
