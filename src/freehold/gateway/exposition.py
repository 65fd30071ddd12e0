"""What was counted, told to Prometheus: one process as a value, and the text of several added up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from freehold.gateway.metrics import BUCKETS, Histogram, Metrics

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """One process's counters as a value, to be added to those of others."""

    counters: dict[str, float]
    gauges: dict[str, float]


def snapshot(metrics: Metrics, gauges: Mapping[str, float]) -> Snapshot:
    found: dict[str, float] = {}
    for (workload, home, outcome), count in metrics.calls.items():
        found[_series("freehold_calls_total", workload=workload, home=home, outcome=outcome)] = count
    for (workload, home), tally in metrics.tallies.items():
        for name, more in (
            (_series("freehold_calls_total", workload=workload, home=home, outcome="ok"), tally.count),
            (_series("freehold_tokens_total", home=home, kind="input"), tally.tokens_in),
            (_series("freehold_tokens_total", home=home, kind="output"), tally.tokens_out),
        ):
            if more:
                found[name] = found.get(name, 0) + more
    for (home, kind), count in metrics.attempts.items():
        found[_series("freehold_attempts_failed_total", home=home, kind=kind)] = count
    for (home, kind), count in metrics.tokens.items():
        name = _series("freehold_tokens_total", home=home, kind=kind)
        found[name] = found.get(name, 0) + count
    for (workload, how), count in metrics.rescued.items():
        found[_series("freehold_rescued_total", workload=workload, how=how)] = count
    for (spent_by, key_id), nano_usd in metrics.spent.items():
        name = _series("freehold_spend_usd_total", workload=spent_by or "", key=key_id or "")
        found[name] = nano_usd / 1e9
    for (asked_by, key_id), count in metrics.unpriced.items():
        found[_series("freehold_cost_unknown_total", workload=asked_by or "", key=key_id or "")] = count
    for code, count in metrics.denied.items():
        found[_series("freehold_denied_total", code=code)] = count
    found["freehold_unreadable_requests_total"] = metrics.unreadable
    for workload, histogram in metrics.durations.items():
        found.update(_histogram("freehold_call_seconds", histogram, workload=workload))
    for home, histogram in metrics.first.items():
        found.update(_histogram("freehold_first_content_seconds", histogram, home=home))
    return Snapshot(counters=found, gauges=dict(gauges))


def _histogram(name: str, histogram: Histogram, **labels: str) -> dict[str, float]:
    found: dict[str, float] = {}
    running = 0
    for bound, count in zip((*BUCKETS, float("inf")), histogram.counts, strict=True):
        running += count
        found[_series(f"{name}_bucket", **labels, le="+Inf" if bound == float("inf") else f"{bound:g}")] = (
            running
        )
    found[_series(f"{name}_sum", **labels)] = histogram.total
    found[_series(f"{name}_count", **labels)] = histogram.count
    return found


def _series(name: str, **labels: str) -> str:
    inner = ",".join(f'{key}="{_escaped(value)}"' for key, value in labels.items())
    return f"{name}{{{inner}}}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def series(name: str, **labels: str) -> str:
    return _series(name, **labels) if labels else name


HELP: Final = {
    "freehold_calls_total": ("counter", "Calls by workload, the home that answered and how they ended."),
    "freehold_attempts_failed_total": ("counter", "Attempts that did not answer a call, by home and cause."),
    "freehold_tokens_total": ("counter", "Tokens as the homes reported them."),
    "freehold_rescued_total": ("counter", "Calls that another home finished or answered."),
    "freehold_spend_usd_total": ("counter", "What calls cost at their homes' stated prices."),
    "freehold_cost_unknown_total": ("counter", "Calls whose cost is not known."),
    "freehold_denied_total": ("counter", "Calls refused before any home was asked."),
    "freehold_unreadable_requests_total": ("counter", "Requests that were not HTTP as it is spoken here."),
    "freehold_call_seconds": ("histogram", "From a call's first byte to its end."),
    "freehold_first_content_seconds": ("histogram", "From the request to the first content of a home."),
    "freehold_telemetry_sent_total": ("counter", "Spans that the collector took."),
    "freehold_telemetry_dropped_total": ("counter", "Records and spans that found no room or no collector."),
    "freehold_calls_in_flight": ("gauge", "Calls at work."),
    "freehold_connections": ("gauge", "Callers' connections."),
    "freehold_home_state": ("gauge", "0 well, 1 ramping or slow, 2 probed, 3 cooling."),
    "freehold_home_connections": ("gauge", "Connections to a home."),
    "freehold_pool_room": ("gauge", "Share of a pool's capacity that is free; of processes, the least."),
    "freehold_pool_in_flight": ("gauge", "Calls at work in a pool."),
    "freehold_pool_throttled_total": ("counter", "Calls that a pool had no room for, as its vendor said."),
    "freehold_queue_length": ("gauge", "Calls that wait for room."),
    "freehold_hedges_total": ("counter", "Second homes asked because the first was slow."),
    "freehold_hedges_won_total": ("counter", "Of these, the ones that answered first."),
    "freehold_queued_total": ("counter", "Calls that waited for room."),
    "freehold_turned_away_total": ("counter", "Calls refused because no room came in time."),
    "freehold_generation": ("gauge", "How often settings were read since the start."),
    "freehold_draining": ("gauge", "1 while the gateway finishes its last calls."),
    "freehold_calls_waiting": ("gauge", "Calls that wait for more of their key's limit."),
    "freehold_state_away": ("gauge", "Processes for which the shared state does not answer."),
    "freehold_state_rounds_total": ("counter", "Exchanges with the shared state."),
    "freehold_state_failures_total": ("counter", "Exchanges with the shared state that failed."),
    "freehold_charged_beyond_bound_total": ("counter", "Calls that used more than their bound."),
    "freehold_key_limit": ("gauge", "A key's limit, by name: dollars for budgets, else a number."),
    "freehold_key_limit_spent": ("gauge", "What is spent of it in its present window."),
    "freehold_key_limit_left": ("gauge", "What is left of it for calls to come."),
    "freehold_key_limit_leased": ("gauge", "What of that is lent to processes."),
    "freehold_key_limit_uncertain": ("gauge", "What a process that is gone may have used."),
    "freehold_resident_bytes": ("gauge", "Memory of the processes."),
}  # fmt: skip


# What a sum over processes would say nothing about: the worst of them is told.
LEAST: Final = ("freehold_pool_room",)
LARGEST: Final = ("freehold_home_state", "freehold_generation", "freehold_draining")


def expose(snapshots: Iterable[Snapshot]) -> str:
    """The text format; counters and gauges of several processes are added, but for those in LARGEST."""
    totals: dict[str, float] = {}
    for one in snapshots:
        for values in (one.counters, one.gauges):
            for name, value in values.items():
                if name.startswith(LEAST):
                    totals[name] = min(totals.get(name, value), value)
                elif name.startswith(LARGEST):
                    totals[name] = max(totals.get(name, value), value)
                else:
                    totals[name] = totals.get(name, 0.0) + value
    lines: list[str] = []
    for base, (kind, words) in HELP.items():
        mine = [name for name in totals if _base(name) == base]
        if mine:
            lines += [f"# HELP {base} {words}", f"# TYPE {base} {kind}"]
            lines += [f"{name} {totals[name]:.10g}" for name in mine]
    return "\n".join(lines) + "\n"


def _base(name: str) -> str:
    plain = name.partition("{")[0]
    for suffix in ("_bucket", "_sum", "_count"):
        if plain.endswith(suffix) and plain.removesuffix(suffix) in HELP:
            return plain.removesuffix(suffix)
    return plain
