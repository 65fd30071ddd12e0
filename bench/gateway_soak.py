"""Does the gateway's memory stay flat? A load for a long time, memory and descriptors read all along.

    python -m bench.gateway_soak [--minutes 30] [--connections 16]

Written to bench/results/gateway-soak.md: the slope after the fifth minute, in MB per ten minutes.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from bench.gateway import Case, Running, build, end, headers_of, paced, pinned, run_wrk, start, tree
from bench.gateway_peers import GATEWAYS
from bench.harness import RESULTS, environment

WARM_SECONDS = 300.0
ROUND_SECONDS = 5.0


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="freehold-soak-") as folder:
        place = Path(folder)
        build(place)
        ports = {"openai": 0, "anthropic": 0}
        from bench.gateway import free_port

        ports = {name: free_port() for name in ports}
        case = Case("soak", "request", asked.connections, interval_us=5000)
        with paced(case, place, ports):
            gateway = next(one for one in GATEWAYS if one.name == "freehold durable")
            running = start(gateway, place, ports, [])
            if running is None:
                raise SystemExit("the gateway did not start")
            try:
                text = soak(case, running, ports, place, asked.minutes * 60)
            finally:
                end(running)
    print(text)
    if asked.write:
        (RESULTS / "gateway-soak.md").write_text(text, encoding="utf-8")


def soak(case: Case, one: Running, ports: dict[str, int], folder: Path, seconds: float) -> str:
    """Plain calls and streams in turn until the time is up."""
    begun = time.monotonic()
    samples: list[tuple[float, float, int]] = []
    calls = streams = errors = 0
    while time.monotonic() - begun < seconds:
        count, _, _, _, bad = run_wrk(case, one, ports, ROUND_SECONDS)
        calls, errors = calls + count, errors + bad
        streams += stream(case, one, folder)
        samples.append((time.monotonic() - begun, resident_mb(one.process.pid), descriptors(one.process.pid)))
    warm = [sample for sample in samples if sample[0] >= min(WARM_SECONDS, seconds / 3)]
    slope = statistics.linear_regression([at for at, _, _ in warm], [mb for _, mb, _ in warm]).slope * 600
    where = environment()
    figures = (
        f"{seconds / 60:.0f} | {calls:,} | {streams:,} | {errors} | {warm[0][1]:.1f} | {warm[-1][1]:.1f} "
        f"| {slope:+.2f} | {warm[0][2]} then {warm[-1][2]}"
    )
    return (
        "# gateway-soak\n\n| minutes | calls | streams | errors | MB at the start | MB at the end "
        "| MB per 10 minutes | descriptors |\n|---:|---:|---:|---:|---:|---:|---:|---|\n"
        f"| {figures} |\n\n"
        f"Measured {where.date} by `{where.command}` at commit `{where.commit}` on {where.cpu}, "
        f"{where.cores} cores; the slope is taken after {min(WARM_SECONDS, seconds / 3) / 60:.1f} minutes.\n"
    )


def stream(case: Case, one: Running, folder: Path) -> int:
    key = [line for line in headers_of(one, {"openai": 0}) if line.startswith("Authorization")]
    words = [str(folder / "load"), str(one.port), one.gateway.path, str(case.connections), "2", "chat"]
    words += [line.rpartition(" ")[2] for line in key]
    out = subprocess.run([*pinned(0), *words], capture_output=True, text=True, check=True).stdout
    return int(out.partition('"streams":')[2].partition(",")[0])


def resident_mb(pid: int) -> float:
    pages = 0
    for each in tree(pid):
        with contextlib.suppress(OSError):
            pages += int(Path(f"/proc/{each}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGESIZE") / 2**20


def descriptors(pid: int) -> int:
    return sum(len(list(Path(f"/proc/{each}/fd").iterdir())) for each in tree(pid))


if __name__ == "__main__":
    main()
