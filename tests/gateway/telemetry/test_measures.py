from freehold.gateway.telemetry import measures as module
from freehold.gateway.telemetry import names
from freehold.gateway.telemetry.measures import Measures
from freehold.gateway.telemetry.spans import Gathering
from freehold.types.records import Cost
from tests.gateway.telemetry.test_spans import call, failed


def taken(*records: object) -> Measures:
    gathering, found = Gathering(), Measures()
    for record in records:
        whole = gathering.take(record)  # type: ignore[arg-type]
        if whole is not None:
            found.take(whole)
    return found


def counted(found: Measures, measure: names.Measure) -> dict[str, float]:
    """By what tells its rows apart."""
    return {
        str(dict(labels).get(names.TOKEN_TYPE) or dict(labels).get(names.ERROR_TYPE, "")): tally.total
        for (one, labels), tally in found.tallies.items()
        if one is measure
    }


def test_every_attempt_is_timed_and_failures_are_told_apart() -> None:
    found = taken(failed(), call(attempts=2, rescued=True))
    assert counted(found, names.OPERATION_DURATION) == {"rate-limited": 0.2, "": 0.3}
    assert counted(found, names.REQUEST_DURATION) == {"": 0.5}
    assert counted(found, names.CALLS_RESCUED) == {"": 1}


def test_tokens_are_counted_by_direction() -> None:
    assert counted(taken(call(), call()), names.TOKEN_USAGE) == {"input": 32, "output": 14}


def test_unknown_cost_is_not_counted_as_none() -> None:
    assert counted(taken(call()), names.CALL_COST) == {}
    assert counted(taken(call(cost=Cost(nano_usd=5_000_000))), names.CALL_COST) == {"": 0.005}


def test_value_on_a_bound_is_in_its_bucket() -> None:
    found = Measures()
    for value in (0.01, 0.0100001, 1e9):
        found.add(names.OPERATION_DURATION, (), value)
    counts = found.tallies[names.OPERATION_DURATION, ()].counts
    assert (counts[0], counts[1], counts[-1]) == (1, 1, 1)


def test_series_are_bounded() -> None:
    found = Measures()
    for number in range(module.SERIES_MAX + 5):
        found.add(names.CALL_COST, ((names.WORKLOAD, str(number)),), 1)
    assert (len(found.tallies), found.dropped) == (module.SERIES_MAX, 5)
