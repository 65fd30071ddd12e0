"""How often do vendors throttle, and how much gets through, by how a gateway chooses?

    python -m bench.capacity [--seeds 3]    traces are looked for under $FREEHOLD_SHARED_DATA

The same arrivals (Azure's public traces, where at hand) on the same simulated homes in virtual time: quotas
that two homes share, provisioned capacity under bursts, limits that nobody tells. Freehold's figures are its
own code's; the others' strategies are told anew from what they publish (bench/capacity_peers.py).
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable

import msgspec

from bench.capacity_freehold import OURS, Freehold
from bench.capacity_peers import Strategy, peers
from bench.capacity_sim import Arrival, Home, Outcome, Vendor, azure, made_up, play, shared
from bench.harness import RESULTS, Environment, environment

GOAL = 10.0
CALLS = 8_000
CONVERSATIONS, CODE = "AzureLLMInferenceTrace_conv.csv", "AzureLLMInferenceTrace_code.csv"


class Scenario(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    words: str
    homes: Callable[[], list[Home]]
    trace: str = CONVERSATIONS
    speed: float = 1.0
    limits: bool = False  # are they published, so that their owner could configure them?


def shared_quota(scale: float = 1.0, others: float = 0.0) -> list[Home]:
    """Two regions of one quota, and another vendor; all of them tell."""
    quota = Vendor(
        requests_per_min=240 * scale, tokens_per_min=330_000 * scale, tells="openai", others_per_min=others
    )
    other = Vendor(requests_per_min=200 * scale, tokens_per_min=270_000 * scale, tells="openai")
    calls, tokens = 120 * scale, 165_000 * scale  # of each of the two, set by hand: half of the quota
    return [
        Home(name="east", vendor=quota, pool="quota", requests_per_min=calls, tokens_per_min=tokens),
        Home(
            name="west", vendor=quota, pool="quota", first_s=0.5, requests_per_min=calls,
            tokens_per_min=tokens,
        ),
        Home(
            name="other", vendor=other, pool="other", first_s=0.6, requests_per_min=200 * scale,
            tokens_per_min=270_000 * scale,
        ),
    ]  # fmt: skip


def provisioned() -> list[Home]:
    """Provisioned capacity that takes seconds' worth of bursts, and a quota by the token behind it."""
    ptu = Vendor(tokens_per_min=260_000, burst_s=10, tells="ptu")
    standard = Vendor(requests_per_min=300, tokens_per_min=450_000, tells="openai")
    return [
        Home(name="ptu", vendor=ptu, pool="ptu", api="azure-openai", first_s=0.25),
        Home(
            name="standard", vendor=standard, pool="standard", first_s=0.5, requests_per_min=300,
            tokens_per_min=450_000,
        ),
    ]  # fmt: skip


def hidden(burst_s: float) -> list[Home]:
    """Nobody tells anything, two of three share, and the limits differ."""
    shared = Vendor(requests_per_min=230, tokens_per_min=320_000, burst_s=burst_s)
    alone = Vendor(requests_per_min=200, tokens_per_min=280_000, burst_s=burst_s)
    return [
        Home(name="us-east", vendor=shared, pool="us", api="bedrock-converse"),
        Home(name="us-west", vendor=shared, pool="us", api="bedrock-converse"),
        Home(name="eu", vendor=alone, pool="eu", api="bedrock-converse", first_s=0.5),
    ]


SCENARIOS = (
    Scenario(
        name="shared quota", limits=True, homes=shared_quota, speed=1.25,
        words="two homes of one quota and a third; headers tell; demand is most of what there is",
    ),
    Scenario(
        name="shared quota, others use it too", limits=True, speed=1.25,
        homes=lambda: shared_quota(1.15, 90.0),
        words="the same, and every other two minutes somebody else takes 90 calls a minute of the quota",
    ),
    Scenario(
        name="provisioned, bursts", trace=CODE, speed=1.4, homes=provisioned, limits=True,
        words="provisioned capacity first, by the token behind it; bursts of the coding trace",
    ),
    Scenario(
        name="hidden limits, a minute deep", homes=lambda: hidden(60.0), speed=1.25,
        words="no headers, no Retry-After; buckets hold a minute's worth",
    ),
    Scenario(
        name="hidden limits, five seconds deep", homes=lambda: hidden(5.0), speed=1.1,
        words="no headers, no Retry-After; buckets hold five seconds' worth",
    ),
    Scenario(
        name="too much", limits=True, homes=lambda: shared_quota(0.75), speed=1.25,
        words="the shared quota with a quarter less of everything: a quarter more is asked than there is",
    ),
)  # fmt: skip


class Row(msgspec.Struct, frozen=True, kw_only=True):
    scenario: str
    who: str
    calls: int
    throttles_per_1000: tuple[float, float, float]  # median, least, most of the seeds
    served: float
    delay_p50_s: float
    delay_p99_s: float
    attempts_per_call: float


def measured(scenario: Scenario, who: str, strategy: Strategy, arrivals: list[Arrival], seeds: int) -> Row:
    runs = [play(arrivals, scenario.homes(), strategy, seed) for seed in range(seeds)]

    def median(of: Callable[[Outcome], float]) -> float:
        return statistics.median(of(one) for one in runs)

    rates = [one.throttles_per_1000 for one in runs]
    return Row(
        scenario=scenario.name, who=who, calls=len(arrivals), served=median(lambda one: one.goodput),
        throttles_per_1000=(statistics.median(rates), min(rates), max(rates)),
        delay_p50_s=median(lambda one: one.delay_p50_s), delay_p99_s=median(lambda one: one.delay_p99_s),
        attempts_per_call=median(lambda one: one.attempts / one.calls),
    )  # fmt: skip


def arrivals_of(scenario: Scenario, calls: int) -> list[Arrival]:
    if shared(scenario.trace).exists():
        return azure(shared(scenario.trace), calls, scenario.speed)
    return made_up(calls, seed=1)


def strategies(scenario: Scenario) -> dict[str, Strategy]:
    found: dict[str, Strategy] = {
        one.name: lambda world, one=one: Freehold(world, one.rules, one.queue).arrive  # type: ignore[misc]
        for one in OURS
    }
    return {**found, **peers(limits=scenario.limits)}


class Report(msgspec.Struct, frozen=True, kw_only=True):
    environment: Environment
    arrivals: str
    rows: list[Row]

    def markdown(self) -> str:
        where, parts = (
            self.environment,
            ["# capacity\n", "How often vendors throttle, by how a gateway chooses.\n"],
        )
        for scenario in SCENARIOS:
            mine = [row for row in self.rows if row.scenario == scenario.name]
            parts.append(f"## {scenario.name}\n\n{scenario.words.capitalize()}.\n\n{table(mine)}")
        notes = "".join(f"- {note}\n" for note in NOTES)
        body = msgspec.json.format(msgspec.json.encode(self), indent=2).decode()
        measured = (
            f"Measured {where.date} by `{where.command}` at commit `{where.commit}` in virtual time, "
            f"{self.arrivals}; Python {where.python}."
        )
        return "\n".join(parts) + f"\n{notes}\n{measured}\n\n```json\n{body}\n```\n"


def table(rows: list[Row]) -> str:
    lines = [
        "| who | throttles per 1,000 calls (least - most) | times Freehold's | served in 30 s | delay p50 "
        "| p99 | attempts per call |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    ours, one = rows[0].throttles_per_1000[0], 1000 / rows[0].calls
    for row in rows:
        middle, least, most = row.throttles_per_1000
        times = f"{middle / ours:.1f}" if ours else (f"over {middle / one:.0f}" if middle else "as few")
        lines.append(
            f"| {row.who} | {middle:.1f} ({least:.1f} - {most:.1f}) | {times} | {100 * row.served:.2f} % "
            f"| {row.delay_p50_s:.2f} s | {row.delay_p99_s:.2f} s | {row.attempts_per_call:.2f} |"
        )
    return "\n".join(lines) + "\n"


NOTES = (
    "Throttles: 429 answers of the simulated vendors, whoever was told of them. Served: an answer was begun "
    "within 30 s. Delay: from a call's arrival to when the home that answered it took it.",
    "Freehold is told which homes share a pool, as an estate says, and nothing of limits. The others have no "
    "word for a pool; where limits are published they are also shown with each home's share configured.",
    "Seeds change what is drawn at random (shuffles, jitter), not the arrivals.",
    "Callers do not try again by themselves here.",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--calls", type=int, default=CALLS)
    parser.add_argument("--only", default="")
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    where, rows = environment(), list[Row]()
    for scenario in SCENARIOS:
        if given.only not in scenario.name:
            continue
        arrivals = arrivals_of(scenario, given.calls)
        mine = [
            measured(scenario, who, how, arrivals, given.seeds) for who, how in strategies(scenario).items()
        ]
        print(f"{scenario.name}: {scenario.words}\n\n{table(mine)}")
        rows += mine
    if given.write:
        known = shared(CONVERSATIONS).exists()
        source = "arrivals of Azure's public traces" if known else "made-up arrivals"
        report = Report(environment=where, arrivals=source, rows=rows)
        (RESULTS / "capacity.md").write_text(report.markdown(), encoding="utf-8")


if __name__ == "__main__":
    main()
