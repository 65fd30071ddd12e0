"""Where a gateway's core spends its time, by perf: the kernel, the interpreter, our code, the libraries.

Shares of samples times the CPU measured beside them. Without perf (Debian: linux-perf) the piece is left out.
"""

from __future__ import annotations

import argparse
import re
import shutil
import statistics
import subprocess
from pathlib import Path

from bench.gateway_peers import NGINX_ONE, NULL
from bench.gateway_pieces import C32, S128, TRANSLATED, Figure, Found
from bench.gateway_rig import Case, Rig, Running, resume, tree

CASES = (
    Case(C32, connections=32),
    Case("plain, 32 connections, 40 kB bodies", connections=32, body_bytes=40_000),
    Case(TRANSLATED, connections=32, translated=True),
    Case(S128, "chunk", 128),
)
SAMPLES_PER_SECOND = 4000
# What a line of perf's report names -> what it is.
PARTS = (
    (r"\[kernel", "kernel"),
    (r"^python|^libpython", "interpreter"),
    (r"^freehold|__mypyc", "our code, compiled"),
    (r"^_core\.", "msgspec"),
    (r"^loop\.", "uvloop"),
    (r"^libcrypto|^_hashlib", "OpenSSL"),
    (r"^libz", "zlib"),
    (r"^libc[.-]|^libm[.-]|^ld-|^\[vdso", "C library"),
    (r"^nginx", "nginx"),
)
OTHER = "other"
_LINE = re.compile(r"^\s*([\d.]+)%\s+(\S+)")


def profile(asked: argparse.Namespace, folder: Path) -> Found:
    """Every case in the gateway and, where it can, in nginx."""
    if shutil.which("perf") is None:
        return Found(left_out=["perf is not installed (Debian: linux-perf)"])
    figures: list[Figure] = []
    rig = Rig(folder)
    for gateway in (NGINX_ONE, NULL):
        for case in CASES:
            if case.translated and not gateway.translated:
                continue
            with rig.homes(case):
                made = rig.start(gateway)
                if made is None:
                    break
                rig.running.append(made)
                try:
                    figures += parts_of(rig, made, case, asked)
                finally:
                    resume(made)
                    rig.end_all()
    return Found(figures=figures, left_out=rig.left_out)


def parts_of(rig: Rig, one: Running, case: Case, asked: argparse.Namespace) -> list[Figure]:
    """Microseconds of each part, per call or chunk; the largest first."""
    of = ",".join(str(pid) for pid in tree(one.process.pid))
    found: dict[str, list[float]] = {}
    for number in range(asked.rounds):
        data = rig.folder / f"perf-{number}.data"
        watching = subprocess.Popen(
            ["perf", "record", "-q", "-F", str(SAMPLES_PER_SECOND), "-p", of,
             "-o", str(data), "--", "sleep", str(asked.seconds)],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            cpu_us = rig.run(case, one, asked.seconds + 1).cpu_us
        finally:
            watching.wait()
        for part, share in shares(data).items():
            found.setdefault(part, []).append(share * cpu_us)
        data.unlink()
    ordered = sorted(found.items(), key=lambda item: -statistics.median(item[1]))
    return [
        Figure(
            what=f"{one.gateway.name}, {case.name}: {part}", unit="us", samples=len(each),
            median=statistics.median(each), least=min(each), most=max(each), note=f"per {case.unit}",
        )
        for part, each in ordered
    ]  # fmt: skip


def shares(data: Path) -> dict[str, float]:
    """Part -> its share of all samples."""
    told = subprocess.run(
        ["perf", "report", "-i", str(data), "--sort", "dso", "--stdio", "-g", "none"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    found: dict[str, float] = {}
    for line in told.splitlines():
        match = _LINE.match(line)
        if match:
            part = part_of(match[2])
            found[part] = found.get(part, 0.0) + float(match[1]) / 100
    return found


def part_of(dso: str) -> str:
    return next((part for pattern, part in PARTS if re.search(pattern, dso)), OTHER)
