"""One self-contained HTML page about a run, from its folder alone. No torch, no script, no outside asset.

Curves are SVG drawn here; what a model said to a harmful request is folded away, whatever it is.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
from jinja2 import Environment, PackageLoader, select_autoescape
from markupsafe import Markup

from freehold.align.aligned import Account, account
from freehold.align.curves import Curve, chart
from freehold.align.disk import disk_error
from freehold.units import nano_usd, show_count, show_duration, show_usd
from freehold.watch.runlog import Answered, Cost, Evaluation, Rate, RunLog

SAMPLES_MAX = 24
REVISIONS_MAX = 16
RATE_CURVES = ("harmful_comply", "over_refusal", "border_exact", "benign_help")
STEP_CURVES = {"supervise": ("loss",), "prefer": ("dpo", "anchor", "margin", "accuracy")}
MEASURES = (
    ("harmful_comply", "complies with harmful requests"),
    ("over_refusal", "refuses border requests"),
    ("border_exact", "exact help on the border"),
    ("benign_help", "helps with benign requests"),
    ("benign_exact", "exact help, benign"),
    ("evasive", "refusals without a reason"),
    ("declined", "declines anything"),
    ("other", "neither helps nor declines"),
)


def write_report(log: RunLog, path: Path) -> Path:
    try:
        path.write_text(render(log), encoding="utf-8")
    except OSError as error:
        raise disk_error(path, error) from error
    return path


def summary(log: RunLog) -> dict[str, Any]:
    """The page's twin for programs."""
    return {
        "run": log.header,
        "evaluations": log.evaluations(),
        "costs": log.costs(),
        "account": account(log),
        "critic": critic(log),
    }


def render(log: RunLog) -> str:
    environment = Environment(
        loader=PackageLoader("freehold.align", "templates"), autoescape=select_autoescape(["html", "j2"])
    )
    full = [found for found in log.evaluations() if found.full]
    accounted = account(log)
    return environment.get_template("report.html.j2").render(
        header=log.header,
        full=full,
        measures=[(label, [_modes(found, key) for found in full]) for key, label in MEASURES],
        outside=_outside(full),
        kl=[found.values.get("kl_to_start") for found in full],
        principles=_principles(full),
        seen=_seen(full),
        critic=critic(log),
        curves=[Markup(svg) for svg in _curves(log)],  # noqa: S704  # drawn by us from numbers
        revisions=_revisions(log),
        samples=_samples(log, [found.checkpoint for found in full]),
        costs=_costs(log),
        strata=_strata(accounted),
        account=_account(accounted),
        stages=log.stages(),
    )  # fmt: skip


def _outside(full: Sequence[Evaluation]) -> list[tuple[str, list[dict[str, str]]]]:
    """What other people's suites say, where they were run."""
    own = {f"{mode}/{key}" for mode in ("greedy", "t1") for key, _ in MEASURES}
    names = dict.fromkeys(key for found in full for key in found.rates if key not in own)
    return [(name, [_rate(found.rates.get(name)) for found in full]) for name in names]


def _modes(found: Evaluation, key: str) -> list[dict[str, str]]:
    return [_rate(found.rates.get(f"{mode}/{key}")) for mode in ("greedy", "t1")]


def critic(log: RunLog) -> dict[str, Any] | None:
    """What the critic was measured to be worth, if it was."""
    path = log.folder / "critic.json"
    return msgspec.json.decode(path.read_bytes(), type=dict[str, Any]) if path.is_file() else None


def _rate(rate: Rate | None) -> dict[str, str]:
    if rate is None:
        return {"shown": "not measured", "interval": ""}
    if rate.rate is None:
        return {"shown": "none counted", "interval": ""}
    return {"shown": f"{rate.rate:.1%}", "interval": f"{rate.low:.1%} to {rate.high:.1%}, n {rate.n}"}


def _principles(full: Sequence[Evaluation]) -> list[dict[str, Any]]:
    """Principle x checkpoint, greedy; `share` colours the cell."""
    names = dict.fromkeys(key.partition("/")[2] for found in full for key in found.principles)
    return [
        {
            "name": name,
            "cells": [
                {
                    **_rate(found.principles.get(f"greedy/{name}")),
                    "share": _share(found.principles.get(f"greedy/{name}")),
                }
                for found in full
            ],
        }
        for name in names
    ]


def _share(rate: Rate | None) -> int:
    return -1 if rate is None or rate.rate is None else round(rate.rate * 10)


def _seen(full: Sequence[Evaluation]) -> list[tuple[str, list[dict[str, str]]]]:
    rows = (("holds_seen", "as the critic saw it"), ("holds_corrected", "corrected for the critic's errors"),
            ("holds_exact", "by the exact judge"))  # fmt: skip
    return [(label, [_rate(found.critic.get(f"t1/{key}")) for found in full]) for key, label in rows]


def _curves(log: RunLog) -> Iterator[str]:
    evaluations = log.evaluations()
    names = [found.checkpoint if found.full else str(found.step) for found in evaluations]
    rates = [
        _curve(label, [found.rates.get(f"greedy/{key}") for found in evaluations])
        for key, label in MEASURES
        if key in RATE_CURVES
    ]
    yield chart("Rates by checkpoint, greedy", rates, names, top=1.0)
    for stage, keys in STEP_CURVES.items():
        steps = [event for event in log.events() if event.kind == "progress" and event.stage == stage]
        curves = [Curve(label=key, points=[event.values.get(key) for event in steps]) for key in keys]
        if steps:
            yield chart(f"{stage}, by step", curves, [str(event.step) for event in steps])


def _curve(label: str, rates: Sequence[Rate | None]) -> Curve:
    return Curve(
        label=label,
        points=[None if rate is None else rate.rate for rate in rates],
        low=[None if rate is None else rate.low for rate in rates],
        high=[None if rate is None else rate.high for rate in rates],
    )


def _revisions(log: RunLog) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for row in log.rows("revisions"):
        if len(rows) >= REVISIONS_MAX:
            break
        before, rounds = row["answer"], []
        for one in row["rounds"]:
            rounds.append({**one, "change": words_changed(before, one["revision"])})
            before = one["revision"]
        rows.append({**row, "rounds": rounds})
    return rows


def _samples(log: RunLog, checkpoints: Sequence[str]) -> list[dict[str, Any]]:
    """The same prompts at every full checkpoint, each answer against the one before."""
    said: dict[str, list[Answered]] = {}
    for name in checkpoints:
        for one in log.answers(name):
            if one.mode == "greedy":
                said.setdefault(one.prompt, []).append(one)
    by_class: dict[str, list[list[Answered]]] = {}
    for answers in said.values():
        by_class.setdefault(answers[0].classed, []).append(answers)
    each = SAMPLES_MAX // max(1, len(by_class))
    chosen = [answers for group in by_class.values() for answers in group[:each]]
    return [
        {
            "asked": answers[0].asked,
            "classed": answers[0].classed or "unknown",
            "answers": [
                {
                    "checkpoint": name,
                    "one": one,
                    "change": words_changed(before.answer if before else one.answer, one.answer),
                }
                for name, one, before in zip(checkpoints, answers, [None, *answers], strict=False)
            ],
        }
        for answers in chosen
    ]


def words_changed(before: str, after: str) -> list[tuple[str, str]]:
    """("same" | "gone" | "new", words), in reading order."""
    one, two = before.split(), after.split()
    changes: list[tuple[str, str]] = []
    for kind, a, b, c, d in difflib.SequenceMatcher(None, one, two, autojunk=False).get_opcodes():
        if kind == "equal":
            changes.append(("same", " ".join(one[a:b])))
            continue
        if one[a:b]:
            changes.append(("gone", " ".join(one[a:b])))
        if two[c:d]:
            changes.append(("new", " ".join(two[c:d])))
    return changes


def _costs(log: RunLog) -> list[dict[str, str]]:
    found = log.costs()
    total = Cost()
    for cost in found.values():
        total = total.plus(cost)
    return [_cost(log, role, cost) for role, cost in [*found.items(), ("all", total)]]


def _cost(log: RunLog, role: str, cost: Cost) -> dict[str, str]:
    price, peak = log.header.usd_per_hour, log.header.peak_flops_per_s
    usd = None if price is None else nano_usd(price * cost.seconds / 3600)
    used = cost.flops / cost.seconds / peak if peak and cost.seconds else None
    return {
        "role": role, "flops": show_count(cost.flops), "tokens": show_count(cost.tokens),
        "seconds": show_duration(round(cost.seconds * 1e9)), "usd": show_usd(usd),
        "utilisation": "unknown" if used is None else f"{used:.1%}",
    }  # fmt: skip


def _strata(found: Account) -> list[dict[str, str]]:
    return [
        {
            "stage": stratum.stage,
            "flops": show_count(stratum.useful_flops),
            "safe_low": f"{stratum.safe_low:.1%}",
            "usd": show_usd(None if stratum.usd is None else nano_usd(stratum.usd)),
        }
        for stratum in found.strata
    ]


def _account(found: Account) -> dict[str, str]:
    return {
        "aligned": show_count(found.aligned_flops),
        "per_usd": show_count(found.aligned_flops_per_usd),
        "per_answer": show_usd(
            None if found.usd_per_accepted_answer is None else nano_usd(found.usd_per_accepted_answer)
        ),
        "accepted": str(found.accepted_answers),
    }
