from freehold.gateway.exposition import HELP, expose, snapshot
from freehold.gateway.metrics import BUCKETS, Histogram, Metrics


def test_processes_are_added_up() -> None:
    one, two = Metrics(), Metrics()
    for metrics in (one, two, two):
        metrics.call("chat", "a", "ok", 0.01)
    text = expose([snapshot(one, {"freehold_connections": 1}), snapshot(two, {"freehold_connections": 2})])
    assert 'freehold_calls_total{workload="chat",home="a",outcome="ok"} 3\n' in text
    assert "freehold_connections 3\n" in text


def test_histogram_counts_each_value_in_the_first_bucket_that_holds_it() -> None:
    histogram = Histogram()
    for seconds in (0.0, 0.0005, 0.0015, 0.003, 10_000.0):
        histogram.add(seconds)
    assert histogram.counts[:3] == [2, 1, 1]
    assert histogram.counts[len(BUCKETS)] == 1


def test_buckets_are_cumulative_and_end_with_all() -> None:
    metrics = Metrics()
    for milliseconds in range(100):
        metrics.call("chat", "a", "ok", milliseconds / 1000)
    counters = snapshot(metrics, {}).counters
    buckets = [value for name, value in counters.items() if name.startswith("freehold_call_seconds_bucket")]
    assert buckets == sorted(buckets)
    assert buckets[-1] == 100


def test_labels_are_escaped() -> None:
    metrics = Metrics()
    metrics.attempt_failed('a"b\\c\n', "reset")
    assert 'home="a\\"b\\\\c\\n"' in expose([snapshot(metrics, {})])


def test_every_series_has_its_help_line() -> None:
    metrics = Metrics()
    metrics.call("w", "h", "ok", 1.0)
    metrics.used("h", "input", 1)
    names = {name.partition("{")[0] for name in snapshot(metrics, {}).counters}
    plain = {name.removesuffix("_bucket").removesuffix("_sum").removesuffix("_count") for name in names}
    assert plain <= set(HELP)
