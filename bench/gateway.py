"""How much a call costs in each gateway, side by side on one core.

    python -m bench.gateway [--only plain,streams] [--gateways nginx freehold] [--rounds N] [--write]

Pieces: plain, bodies, tls, translated, streams, many-streams, ladder, sustained, memory, rescue, grey. One
gateway at a time on core 1; homes (bench/native/upstream.c) and load (wrk, bench/native/load.c) on core 0.
Rounds are interleaved, and contenders that are not being measured stand still. One that delivers less than a
third of the streamed events it is offered is measured in one round. CPU microseconds per request or chunk, of
the gateway's whole process tree, is the figure that survives a busy machine; calls/s and latencies beside it.

Freehold's data plane is compiled where .venv-compiled is (make env-compiled, or FREEHOLD_BENCH_COMPILED names
its Python), with one contender interpreted beside it; else it is interpreted. The page says which.

Needs gcc, wrk, nginx, haproxy, openssl; peers from .venv-peers (make env-peers, or FREEHOLD_BENCH_PEERS), and
for Portkey an npm folder named by FREEHOLD_BENCH_NPM. A contender that is not installed or does not answer is
left out and named, with the reason. With --write each piece is kept under bench/results/gateway/ with its
machine and commit, and the page bench/results/gateway.md is made of all pieces that are there.
"""

from __future__ import annotations

import argparse
import signal
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from bench import gateway_built
from bench.gateway_peers import GATEWAYS, LADDER, Gateway
from bench.gateway_pieces import (
    C32,
    C128,
    ORDER,
    S8,
    S8_STEP,
    S128,
    S128T,
    TRANSLATED,
    Found,
    Piece,
    Row,
    piece_text,
    save,
)
from bench.gateway_profile import profile
from bench.gateway_rig import Case, Figure, Rig, Running, memory_mb, pause, resume
from bench.gateway_steady import memory, sustained
from bench.gateway_trouble import grey, rescue
from bench.harness import environment

WARM_SECONDS = 1.0

PLAIN = (
    Case("plain, 1 connection"),
    Case(C32, connections=32),
    Case(C128, connections=128),
)
BODIES = (Case("plain, 32 connections, 40 kB bodies", connections=32, body_bytes=40_000),)
TLS = (Case("TLS to the home, 32 connections", connections=32),)
TRANSLATING = (
    Case(TRANSLATED, connections=32, translated=True),
    Case(S128T, "chunk", 128, translated=True),
)
STREAMS = (
    Case(S8, "chunk", 8, in_step=False),
    Case(S8_STEP, "chunk", 8),
    Case(S128, "chunk", 128),
)
MANY = (
    Case("200 streams of 50/s", "chunk", 200),
    Case("1000 streams of 10/s", "chunk", 1000, interval_us=100_000),
)
STEPS = (
    Case(C32, connections=32),
    Case(TRANSLATED, connections=32, translated=True),
    Case(S128, "chunk", 128),
    Case(S128T, "chunk", 128, translated=True),
)


def main() -> None:
    asked = arguments()
    # Whoever ends us early must not leave contenders behind that stand still for ever.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit("told to stop"))
    for name in asked.only:
        where = environment()
        with tempfile.TemporaryDirectory(prefix="freehold-bench-") as folder:
            made = PIECES[name](asked, Path(folder))
        piece = Piece(
            name=name, environment=where, rows=tuple(made.rows), figures=tuple(made.figures),
            left_out=tuple(dict.fromkeys(made.left_out)), notes=(*gateway_built.notes(), *made.notes),
        )  # fmt: skip
        print(piece_text(piece))
        sys.stdout.flush()
        if asked.write:
            save(piece)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--only", type=pieces_of, default=list(ORDER), help=f"of {','.join(ORDER)}")
    parser.add_argument("--gateways", nargs="*", default=[], help="contenders by name")
    parser.add_argument("--case", default="", help="part of a case's name")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=4, help="of one run")
    parser.add_argument("--sustained", type=int, default=60, help="seconds of the sustained run")
    parser.add_argument("--samples", type=int, default=20, help="of each rescue; grey failures: half as many")
    parser.add_argument("--write", action="store_true", help="keep the pieces under bench/results/")
    asked = parser.parse_args()
    if asked.write and (asked.gateways or asked.case):
        parser.error("a piece is kept whole: --write goes with neither --gateways nor --case")
    return asked


def pieces_of(text: str) -> list[str]:
    names = [name for name in text.split(",") if name]
    wrong = sorted(set(names) - set(ORDER))
    if wrong:
        raise argparse.ArgumentTypeError(f"no piece is called {wrong[0]}; there are {', '.join(ORDER)}")
    return names


def compare(
    asked: argparse.Namespace, folder: Path, gateways: Sequence[Gateway], cases: Sequence[Case], *,
    tls: bool = False,
) -> Found:  # fmt: skip
    """Every case with every contender that can do it, in interleaved rounds."""
    rig = Rig(folder, tls=tls)
    chosen = tuple(one for one in gateways if not asked.gateways or one.name in asked.gateways)
    rows: list[Row] = []
    try:
        with rig.homes(Case("start")):
            rig.start_all(chosen)
        for case in cases:
            if asked.case in case.name:
                print(f"... {case.name}", file=sys.stderr)
                rows += measure(rig, case, asked)
    finally:
        rig.end_all()
    return Found(rows=rows, left_out=rig.left_out)


def measure(rig: Rig, case: Case, asked: argparse.Namespace) -> list[Row]:
    figures: dict[str, list[Figure]] = {}
    with rig.homes(case):
        able = [one for one in rig.running if able_to(rig, one, case)]
        rounds = {one.gateway.name: asked.rounds for one in able}
        for one in list(able):
            warm = attempt(rig, able, one, case, WARM_SECONDS)  # unmeasured
            if warm is not None and warm.per_second < case.offered_per_second / 3:
                rounds[one.gateway.name] = 1
        for number in range(asked.rounds):
            for one in list(able):
                if number < rounds[one.gateway.name]:
                    found = attempt(rig, able, one, case, asked.seconds)
                    figures.setdefault(one.gateway.name, []).extend([found] if found else [])
    rows = []
    for one in able:
        measured = figures.get(one.gateway.name, [])
        if sum(each.count for each in measured):
            rows.append(row(case, one, measured))
        else:
            rig.leave_out(f"{one.gateway.name}, {case.name}: nothing was finished in {asked.seconds} s")
    return rows


def attempt(rig: Rig, able: list[Running], one: Running, case: Case, seconds: float) -> Figure | None:
    try:
        return rig.run(case, one, seconds)
    except subprocess.CalledProcessError as error:
        drop(rig, able, one, case, error)
        return None


def drop(
    rig: Rig, able: list[Running], one: Running, case: Case, error: subprocess.CalledProcessError
) -> None:
    """The load could not run against it, which says nothing about the others."""
    able.remove(one)
    said = f"{error.stdout or ''} {error.stderr or ''}".strip()[-200:]
    rig.leave_out(f"{one.gateway.name}, {case.name}: the load ended with {error.returncode}: {said!r}")


def able_to(rig: Rig, one: Running, case: Case) -> bool:
    """Asked once, as it will be; a contender that cannot is named with what it said."""
    if case.translated and not one.gateway.translated:
        if one.gateway.name not in ("nginx", "haproxy", "direct"):
            rig.leave_out(f"{one.gateway.name} is not set up to translate")
        return False
    resume(one)
    why = rig.why_not(one, case)
    pause(one)
    if why:
        rig.leave_out(f"{one.gateway.name}, {case.name}: {why}")
    return not why


def row(case: Case, one: Running, found: Sequence[Figure]) -> Row:
    cpu, rates = [each.cpu_us for each in found], [each.per_second for each in found]
    return Row(
        case=case.name, gateway=one.gateway.name, unit=case.unit, rounds=len(found),
        per_second=statistics.median(rates), per_second_min=min(rates), per_second_max=max(rates),
        cpu_us=None if one.gateway.direct else statistics.median(cpu), cpu_us_min=min(cpu),
        cpu_us_max=max(cpu), p50_ms=statistics.median(each.p50_ms for each in found),
        p99_ms=statistics.median(each.p99_ms for each in found), errors=sum(each.errors for each in found),
        peak_mb=0.0 if one.gateway.direct else memory_mb(one.process.pid, "VmHWM"),
    )  # fmt: skip


Measured = Callable[[argparse.Namespace, Path], Found]
PIECES: dict[str, Measured] = {
    "plain": lambda asked, folder: compare(asked, folder, GATEWAYS, PLAIN),
    "bodies": lambda asked, folder: compare(asked, folder, GATEWAYS, BODIES),
    "tls": lambda asked, folder: compare(asked, folder, GATEWAYS, TLS, tls=True),
    "translated": lambda asked, folder: compare(asked, folder, GATEWAYS, TRANSLATING),
    "streams": lambda asked, folder: compare(asked, folder, GATEWAYS, STREAMS),
    "many-streams": lambda asked, folder: compare(asked, folder, GATEWAYS, MANY),
    "ladder": lambda asked, folder: compare(asked, folder, LADDER, STEPS),
    "sustained": sustained,
    "memory": memory,
    "rescue": rescue,
    "grey": grey,
    "profile": profile,
}


if __name__ == "__main__":
    main()
