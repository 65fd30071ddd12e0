"""Does constitutional training do here what the papers say? Three seeds, and the shapes of their figures.

    .venv-align/bin/python -m bench.align_shapes

Every figure is written down, whatever it shows: bench/results/align-shapes.md. One thread, a few minutes.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import torch

from bench import harness
from freehold.align.critic import compare
from freehold.align.judge import judge
from freehold.align.preference import train_preference_model
from freehold.align.probes import labelled
from freehold.align.prompts import Prompt, world_prompts
from freehold.align.run import begin, carry_on
from freehold.align.stages.revise import revise_once
from freehold.align.work import Run
from freehold.pocket.lm.marks import talk
from freehold.pocket.lm.world import expected
from freehold.types.sampling import SampleRequest
from freehold.watch.runlog import RunLog
from freehold.watch.stats import wilson

EXAMPLE = harness.ROOT / "examples" / "pocket-cai.toml"
SEEDS = (1, 2, 3)
ROUNDS = 3
PER_CLASS = 200
MEASURES = ("harmful_comply", "over_refusal", "border_exact", "benign_help", "benign_exact", "evasive")
Table = list[str]


def seeded(folder: Path, name: str, *changes: tuple[str, str]) -> Path:
    """The example with other words in it, its constitution beside it."""
    text = EXAMPLE.read_text(encoding="utf-8")
    for old, new in changes:
        text = text.replace(old, new)
    place = folder / name
    place.mkdir()
    shutil.copytree(EXAMPLE.parent / "constitutions", place / "constitutions")
    (place / "recipe.toml").write_text(text, encoding="utf-8")
    return place


def run_of(place: Path) -> Run:
    begin(place / "recipe.toml", place / "run")
    return carry_on(place / "run")


def shown(hits: int, n: int) -> str:
    found = wilson(hits, n)
    return (
        "none counted"
        if found.rate is None
        else f"{found.rate:.1%} ({found.low:.1%} to {found.high:.1%}, {n})"
    )


def three_seeds(runs: Sequence[Run]) -> Table:
    """Every measure of every full checkpoint, greedy and at temperature 1, seed by seed."""
    lines = ["| measure | checkpoint | decoding | " + " | ".join(f"seed {seed}" for seed in SEEDS) + " |"]
    lines.append("|---|---|---|" + "---:|" * len(SEEDS))
    logs = [run.folder.log() for run in runs]
    for measure in MEASURES:
        for checkpoint in ("base", "supervise", "prefer"):
            for mode in ("greedy", "t1"):
                cells = [_cell(log, checkpoint, f"{mode}/{measure}") for log in logs]
                lines.append(f"| {measure} | {checkpoint} | {mode} | " + " | ".join(cells) + " |")
    return lines


def _cell(log: RunLog, checkpoint: str, key: str) -> str:
    found = next(one for one in log.evaluations() if one.checkpoint == checkpoint).rates[key]
    if found.rate is None:
        return "none counted"
    return f"{found.rate:.1%} ({found.low:.1%} to {found.high:.1%}, {found.n})"


def critics(runs: Sequence[Run]) -> Table:
    lines = [
        "| seed | probes | accuracy | AUC | AUC on held-out acts | n |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for seed, run in zip(SEEDS, runs, strict=True):
        found = msgspec.json.decode((run.folder.path / "critic.json").read_bytes())
        lines.append(
            f"| {seed} | {found['n']} | {found['accuracy']:.4f} | {found['auc']:.4f} "
            f"| {found['auc_acts']:.4f} | {found['n_acts']} |"
        )
    return lines


def times(runs: Sequence[Run]) -> Table:
    """Wall seconds to the supervised result and to the end, and what they went to."""
    lines = ["| seed | to the supervised result, s | whole, s | policy | feedback | oversight | evaluation |"]
    lines.append("|---|---:|---:|---:|---:|---:|---:|")
    for seed, run in zip(SEEDS, runs, strict=True):
        log = run.folder.log()
        events = log.events()
        start = events[0].time_ns
        done = next(one.time_ns for one in events if one.kind == "evaluation" and one.text == "supervise")
        costs = log.costs()
        split = " | ".join(
            f"{costs[role].seconds:.0f}" for role in ("policy", "feedback", "oversight", "evaluation")
        )
        lines.append(
            f"| {seed} | {(done - start) / 1e9:.0f} | {(events[-1].time_ns - start) / 1e9:.0f} | {split} |"
        )
    return lines


def rounds(run: Run) -> Table:
    """Harm and help after each round of revision, with a critique and without, on held-out prompts."""
    lines = [
        "| first answers | revisions | class | measure | "
        + " | ".join(f"round {n}" for n in range(ROUNDS + 1))
        + " |"
    ]
    lines.append("|---|---|---|---|" + "---:|" * (ROUNDS + 1))
    prompts = [
        prompt for classed in ("harmful", "border") for prompt in world_prompts("eval", classed, PER_CLASS, 9)
    ]  # type: ignore[arg-type]
    for temperature in (0.0, 0.7, 1.0):
        first = _first_answers(run, prompts, temperature)
        for critique in (True, False):
            said = _revised(run, prompts, first, critique)
            kind = "critique first" if critique else "direct"
            decoding = "greedy" if temperature == 0 else f"T = {temperature}"
            for classed, measure, test in (
                ("harmful", "complies", lambda one: one.outcome == "comply"),
                ("border", "exact help", lambda one: bool(one.exact)),
                ("border", "declines", lambda one: one.declined),
            ):
                cells = [_share(prompts, answers, classed, test) for answers in said]
                lines.append(f"| {decoding} | {kind} | {classed} | {measure} | " + " | ".join(cells) + " |")
    return lines


def _first_answers(run: Run, prompts: Sequence[Prompt], temperature: float) -> list[str]:
    requests = [
        SampleRequest(conversation=talk(prompt.asked), max_tokens=48, temperature=temperature, seed=5)
        for prompt in prompts
    ]
    return [one.text for one in run.local(run.base).sample_now(requests)]


def _revised(run: Run, prompts: Sequence[Prompt], first: Sequence[str], critique: bool) -> list[list[str]]:
    """The answers before and after each round; critic and reviser are greedy, as in the recipe."""
    run.recipe = msgspec.structs.replace(
        run.recipe, revise=msgspec.structs.replace(run.recipe.revise, critique=critique)
    )
    rows: list[dict[str, Any]] = [
        {"prompt": prompt.id, "asked": prompt.asked, "answer": answer, "rounds": []}
        for prompt, answer in zip(prompts, first, strict=True)
    ]
    for number in range(ROUNDS):
        revise_once(run, run.local(run.base), rows, number, 0)
    return [list(first), *([row["rounds"][number]["revision"] for row in rows] for number in range(ROUNDS))]


def _share(prompts: Sequence[Prompt], answers: Sequence[str], classed: str, test: Any) -> str:
    outcomes = [
        test(judge(p, answer)) for p, answer in zip(prompts, answers, strict=True) if p.classed == classed
    ]
    return f"{sum(outcomes) / len(outcomes):.1%}"


def orders(run: Run) -> Table:
    """Does the model like A or B as such, and does asking in both orders take that away?"""
    names = list(run.constitution.principles)
    probes = [probe for probe in labelled("eval", PER_CLASS, 4) if probe.violation]
    pairs = [
        (
            one.request.told(),
            expected(one.request),
            one.answer,
            run.constitution.principles[names[n % len(names)]],
        )
        for n, one in enumerate(probes)
    ]
    found = compare(run, run.local(run.base), pairs, "feedback")
    given, swapped = sum(one.given_order > 0 for one in found), sum(one.swapped > 0 for one in found)
    disagree = sum((one.given_order > 0) != (one.swapped > 0) for one in found)
    both, n = sum(one.label > 0.5 for one in found), len(found)
    lean = sum((one.given_order - one.swapped) / 2 for one in found) / n
    return [
        "| asked | picks the better answer |", "|---|---:|",
        f"| better one as A | {shown(given, n)} |",
        f"| better one as B | {shown(swapped, n)} |",
        f"| both orders, averaged | {shown(both, n)} |",
        f"| the two orders disagree | {shown(disagree, n)} |",
        f"| mean leaning to A, in logits | {lean:+.3f} |",
    ]  # fmt: skip


def labels(folder: Path) -> Table:
    """A preference model on soft labels and on hard ones, on answers the base gives when warm."""
    place = seeded(
        folder, "labels", ("seed = 1", 'seed = 7\nstages = ["feedback"]'), ("harmful = 300", "harmful = 700"),
        ("border = 200", "border = 700"),
    )  # fmt: skip
    run = run_of(place)
    lines = [
        "| labels | held-out pairs judged | accuracy | expected calibration error |",
        "|---|---:|---:|---:|",
    ]
    for hard in (False, True):
        found = train_preference_model(run, run.local(run.base).layout, hard=hard, keep=False)
        kind = "hard" if hard else "soft"
        lines.append(
            f"| {kind} | {found['judged']:.0f} | {found['accuracy']:.3f} | {found['calibration_error']:.3f} |"
        )
    return lines


def page(where: harness.Environment, sections: Sequence[tuple[str, str, Table]]) -> str:
    parts = ["# align-shapes\n"]
    for title, text, table in sections:
        parts.append(f"## {title}\n\n{text}\n\n" + "\n".join(table) + "\n")
    parts.append(
        f"Measured {where.date} by `{where.command}` at commit `{where.commit}` on {where.cpu}, "
        f"{where.cores} cores, one thread, Python {where.python}, torch {torch.__version__}; "
        f"load {where.load_1min:.1f} at the start. "
        f"In brackets: 95 % interval (Wilson) and count.\n"
    )
    return "\n".join(parts)


def main() -> None:
    where = harness.environment()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        runs = [run_of(seeded(folder, f"seed-{seed}", ("seed = 1", f"seed = {seed}"))) for seed in SEEDS]
        sections = [
            ("Three seeds", f"`{EXAMPLE.name}`, held-out prompts.", three_seeds(runs)),
            (
                "The critic",
                "On probes with a known fault or none; on acts it never criticised.",
                critics(runs),
            ),
            ("Time", "Wall time of the whole example, and seconds by role.", times(runs)),
            ("Revision rounds", "The base as critic and reviser, both greedy.", rounds(runs[0])),
            ("Order of A and B", "The base comparing a sound answer with a faulty one.", orders(runs[0])),
            ("Soft and hard labels", "Preference models on the same pairs.", labels(folder)),
        ]
    path = harness.RESULTS / "align-shapes.md"
    path.write_text(page(where, sections), encoding="utf-8")
    print(path.read_text(encoding="utf-8"))
    print(f"written to {path}", file=sys.stderr)


if __name__ == "__main__":
    main()
