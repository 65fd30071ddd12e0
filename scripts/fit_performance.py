"""Fit the performance model to published points and write src/freehold/plan/data/constants.toml.

    python scripts/fit_performance.py POINTS.csv --as-of 2025-11

The points are kept outside the repository; what is written here says how many of them stand behind each
figure. Errors of the model are never taken from this fit: see bench/predict.py, which leaves out what it
predicts.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import msgspec

from bench.fitting import constants_of, read_points
from freehold.plan.perf.constants import Constants

TARGET = Path(__file__).resolve().parent.parent / "src/freehold/plan/data/constants.toml"
HEAD = """\
# Fitted by scripts/fit_performance.py to measurements that others published. Do not edit: run it again.
# log_mean: log of observed over expected by physics alone. points 0: nothing was measured, only a prior.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("points", type=Path)
    parser.add_argument("--as-of", default="2025-11")
    words = parser.parse_args()
    points = read_points(words.points)
    constants = msgspec.structs.replace(
        constants_of(points, words.as_of), source=f"{len(points)} published performance points"
    )
    TARGET.write_text(HEAD + written(constants), encoding="utf-8")


def written(constants: Constants) -> str:
    lines = [f'source = "{constants.source}"', f'as_of = "{constants.as_of}"', "", "[physics]"]
    lines += [f"{name} = {value}" for name, value in msgspec.structs.asdict(constants.physics).items()]
    for family, spread in constants.spread.items():
        lines += ["", f"[spread.{family}]"]
        lines += [f"{name} = {value}" for name, value in msgspec.structs.asdict(spread).items()]
    for name, factor in constants.factors.items():
        lines += ["", f'[factors."{name}"]', f"log_mean = {factor.log_mean}", f"points = {factor.points}"]
        lines += [f'source = "{factor.source}"'] if factor.source else []
        lines += [f'as_of = "{factor.as_of}"'] if factor.as_of else []
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
