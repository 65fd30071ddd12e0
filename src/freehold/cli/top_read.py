"""What `freehold top` reads from the admin port, and what two readings say together."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from freehold import wire
from freehold.errors import UnavailableError

READ_SECONDS_MAX: Final = 5.0
_SERIES: Final = re.compile(r"(\w+)(?:\{(.*)\})? (\S+)")
_LABEL: Final = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_ESCAPED: Final = {"\\n": "\n", '\\"': '"', "\\\\": "\\"}
_WORST_FIRST: Final = ("cooling", "half_open", "ramping", "closed")

Labels = tuple[tuple[str, str], ...]
Samples = dict[str, dict[Labels, float]]


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """The admin port at one moment."""

    at_s: float  # monotonic
    ready: bool
    homes: tuple[dict[str, Any], ...]  # of every process
    samples: Samples
    room: dict[str, float | None] = {}  # pool -> share of its capacity that is free


class HomeLine(msgspec.Struct, frozen=True, kw_only=True):
    home: str
    state: str  # well, slow, ramping, probed, cooling
    back_in_s: float
    room: float | None  # None: not known
    calls_per_s: float
    failures_per_s: float
    answered: int
    failed: int
    first_p50_s: float | None  # to the first content
    first_p95_s: float | None
    connections: int


class WorkloadLine(msgspec.Struct, frozen=True, kw_only=True):
    workload: str
    calls_per_s: float
    calls: int
    not_ok: int
    rescued: int
    p50_s: float | None
    p95_s: float | None


class SpendLine(msgspec.Struct, frozen=True, kw_only=True):
    workload: str
    key: str  # "" where no key was given
    usd: float
    usd_per_hour: float  # at the pace of the last moments
    unknown: int  # calls whose cost is not known


class Frame(msgspec.Struct, frozen=True, kw_only=True):
    """Everything one picture shows. Rates are over `over_s`; quantiles too, where calls ended in it."""

    ready: bool
    over_s: float
    calls_per_s: float
    in_flight: int
    waiting: int  # for room
    connections: int
    processes: int
    homes: tuple[HomeLine, ...]
    workloads: tuple[WorkloadLine, ...]
    spend: tuple[SpendLine, ...]


async def read(admin_url: str, at_s: float) -> Reading:
    """One reading; an UnavailableError where no gateway answers."""
    try:
        ready, homes, metrics, room = await asyncio.gather(
            *(_get(admin_url, path) for path in ("/ready", "/homes", "/metrics", "/headroom"))
        )
    except (OSError, TimeoutError, wire.WireError) as error:
        raise UnavailableError(
            f"no gateway answers at {admin_url}", why=type(error).__name__,
            fix="start one with freehold up, or name its admin port with --admin", code="gateway.not-running",
        ) from error  # fmt: skip
    if homes[0] != 200 or metrics[0] != 200:
        raise UnavailableError(
            f"what answers at {admin_url} is no gateway's admin port", why=f"/homes has status {homes[0]}",
            fix="name the admin port, which is another than the one for calls", code="gateway.not-running",
        )  # fmt: skip
    told = msgspec.json.decode(homes[1])["data"]
    return Reading(
        at_s=at_s, ready=ready[0] == 200, samples=samples_of(metrics[1].decode()),
        homes=tuple(home for process in told for home in process),
        room=rooms_of(msgspec.json.decode(room[1])) if room[0] == 200 else {},
    )  # fmt: skip


async def _get(admin_url: str, path: str) -> tuple[int, bytes]:
    async with asyncio.timeout(READ_SECONDS_MAX):
        async with await wire.request("GET", admin_url + path) as response:
            return response.status, await response.read()


def samples_of(text: str) -> Samples:
    """Prometheus' text format: name -> labels -> value."""
    found: Samples = {}
    for line in text.split("\n"):  # a name may hold what else splits lines
        matched = None if line.startswith("#") else _SERIES.fullmatch(line)
        if matched is not None:
            labels = tuple((name, _unescaped(value)) for name, value in _LABEL.findall(matched[2] or ""))
            found.setdefault(matched[1], {})[labels] = float(matched[3])
    return found


def _unescaped(value: str) -> str:
    return re.sub(r'\\[\\n"]', lambda one: _ESCAPED[one[0]], value)


def rooms_of(told: object) -> dict[str, float | None]:
    """Pool -> its room, the least that any process sees."""
    found: dict[str, float | None] = {}
    for one in _standings(told):
        pool, room = str(one["pool"]), one["room"]
        known = found.get(pool)
        found[pool] = room if known is None else known if room is None else min(known, room)
    return found


def _standings(told: object) -> Iterator[dict[str, Any]]:
    if isinstance(told, dict):
        if "pool" in told:
            yield {"room": None, **told}
            return
        told = list(told.values())
    if isinstance(told, list):
        for one in told:
            yield from _standings(one)


def frame(before: Reading, now: Reading) -> Frame:
    """What happened between two readings, and what stands now."""
    over_s = max(now.at_s - before.at_s, 1e-9)
    calls = _Pair("freehold_calls_total", before, now)
    return Frame(
        ready=now.ready, over_s=over_s, calls_per_s=calls.rise() / over_s,
        in_flight=int(_total(now, "freehold_calls_in_flight")),
        waiting=int(_total(now, "freehold_queue_length")),
        connections=int(_total(now, "freehold_connections")),
        processes=max(Counter(one["home"] for one in now.homes).values(), default=0),
        homes=tuple(_home_lines(before, now, over_s)),
        workloads=tuple(_workload_lines(before, now, over_s)),
        spend=tuple(_spend_lines(before, now, over_s)),
    )  # fmt: skip


class _Pair:
    """One metric in two readings."""

    def __init__(self, name: str, before: Reading, now: Reading) -> None:
        self._before, self._now = before.samples.get(name, {}), now.samples.get(name, {})

    def value(self, **labels: str) -> float:
        return sum(value for found, value in self._now.items() if _fits(found, labels))

    def rise(self, **labels: str) -> float:
        """A counter that fell began anew."""
        before = sum(value for found, value in self._before.items() if _fits(found, labels))
        now = self.value(**labels)
        return now - before if now >= before else now

    def names(self, label: str) -> list[str]:
        return sorted({value for found in self._now for name, value in found if name == label})


def _fits(found: Labels, wanted: Mapping[str, str]) -> bool:
    return wanted.items() <= dict(found).items()


def _total(reading: Reading, name: str) -> float:
    return sum(reading.samples.get(name, {}).values())


def _home_lines(before: Reading, now: Reading, over_s: float) -> Iterator[HomeLine]:
    calls = _Pair("freehold_calls_total", before, now)
    failed = _Pair("freehold_attempts_failed_total", before, now)
    first = _Pair("freehold_first_content_seconds_bucket", before, now)
    for home in dict.fromkeys(one["home"] for one in now.homes):
        mine = [one for one in now.homes if one["home"] == home]
        worst = min(mine, key=lambda one: _WORST_FIRST.index(one["state"]))
        yield HomeLine(
            home=home, state=_state(worst["state"], any(one["slow"] for one in mine)),
            back_in_s=max(float(one.get("back_in_s", 0.0)) for one in mine),
            room=now.room.get(worst.get("pool") or f"home:{home}"),
            calls_per_s=calls.rise(home=home) / over_s, failures_per_s=failed.rise(home=home) / over_s,
            answered=sum(one["answered"] for one in mine), failed=sum(one["failed"] for one in mine),
            first_p50_s=quantile(first, 0.5, home=home), first_p95_s=quantile(first, 0.95, home=home),
            connections=sum(one["connections"] for one in mine),
        )  # fmt: skip


def _state(state: str, slow: bool) -> str:
    if state == "closed":
        return "slow" if slow else "well"
    return "probed" if state == "half_open" else state


def _workload_lines(before: Reading, now: Reading, over_s: float) -> Iterator[WorkloadLine]:
    calls = _Pair("freehold_calls_total", before, now)
    took = _Pair("freehold_call_seconds_bucket", before, now)
    rescued = _Pair("freehold_rescued_total", before, now)
    for workload in calls.names("workload"):
        count = calls.value(workload=workload)
        yield WorkloadLine(
            workload=workload, calls_per_s=calls.rise(workload=workload) / over_s, calls=int(count),
            not_ok=int(count - calls.value(workload=workload, outcome="ok")),
            rescued=int(rescued.value(workload=workload)),
            p50_s=quantile(took, 0.5, workload=workload), p95_s=quantile(took, 0.95, workload=workload),
        )  # fmt: skip


def _spend_lines(before: Reading, now: Reading, over_s: float) -> Iterator[SpendLine]:
    spent = _Pair("freehold_spend_usd_total", before, now)
    unknown = _Pair("freehold_cost_unknown_total", before, now)
    told = [now.samples.get(f"freehold_{name}_total", {}) for name in ("spend_usd", "cost_unknown")]
    for labels in dict.fromkeys(labels for one in told for labels in one):
        named = dict(labels)
        workload, key = named.get("workload", ""), named.get("key", "")
        yield SpendLine(
            workload=workload, key=key, usd=spent.value(workload=workload, key=key),
            usd_per_hour=spent.rise(workload=workload, key=key) / over_s * 3600,
            unknown=int(unknown.value(workload=workload, key=key)),
        )  # fmt: skip


def quantile(buckets: _Pair, share: float, **labels: str) -> float | None:
    """From what ended between the readings, else since the start; within a bucket by a straight line."""
    bounds = sorted(buckets.names("le"), key=float)
    counts = [buckets.rise(le=bound, **labels) for bound in bounds]
    if not counts or not counts[-1]:
        counts = [buckets.value(le=bound, **labels) for bound in bounds]
    if not counts or not counts[-1]:
        return None
    wanted, low, below = share * counts[-1], 0.0, 0.0
    for bound, count in zip(bounds, counts, strict=True):
        if count >= wanted:
            high = float(bound)
            return low if high == float("inf") else low + (high - low) * (wanted - below) / (count - below)
        low, below = float(bound), count
    return low
