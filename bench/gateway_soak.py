"""Does the gateway's memory stay flat? A load for a long time, memory and descriptors read all along.

    python -m bench.gateway_soak [--minutes 30] [--connections 16] [--write]

Written to bench/results/gateway-soak.md: the slope after the fifth minute, in MB per ten minutes.
"""

from __future__ import annotations

import argparse
import signal
import statistics
import sys
import tempfile
import time
from pathlib import Path

from bench.gateway_peers import DURABLE
from bench.gateway_rig import Case, Rig, Running, memory_mb, tree
from bench.harness import RESULTS, environment

WARM_SECONDS = 300.0
PLAIN_SECONDS, STREAM_SECONDS = 2.0, 5.0  # a record is about a kilobyte: half an hour fills some gigabytes


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit("told to stop"))  # and leave nothing behind
    with tempfile.TemporaryDirectory(prefix="freehold-soak-") as folder:
        rig = Rig(Path(folder))
        with rig.homes(Case("soak", interval_us=5000)):
            rig.start_all((DURABLE,))
            if not rig.running:
                raise SystemExit(rig.left_out[-1])
            try:
                text = soak(rig, rig.running[0], asked.connections, asked.minutes * 60)
            finally:
                rig.end_all()
    print(text)
    if asked.write:
        (RESULTS / "gateway-soak.md").write_text(text, encoding="utf-8")


def soak(rig: Rig, one: Running, connections: int, seconds: float) -> str:
    """Plain calls and streams in turn until the time is up."""
    plain = Case("soak", connections=connections)
    streams = Case("soak", "chunk", connections, interval_us=5000)
    begun, pid = time.monotonic(), one.process.pid
    samples: list[tuple[float, float, int]] = []
    calls = chunks = errors = 0
    while time.monotonic() - begun < seconds:
        called, streamed = rig.run(plain, one, PLAIN_SECONDS), rig.run(streams, one, STREAM_SECONDS)
        calls, chunks = calls + called.count, chunks + streamed.count
        errors += called.errors + streamed.errors
        samples.append((time.monotonic() - begun, memory_mb(pid, "VmRSS"), descriptors(pid)))
    warm = [sample for sample in samples if sample[0] >= min(WARM_SECONDS, seconds / 3)]
    slope = statistics.linear_regression([at for at, _, _ in warm], [mb for _, mb, _ in warm]).slope * 600
    where = environment()
    figures = (
        f"{seconds / 60:.0f} | {calls:,} | {chunks:,} | {errors} | {warm[0][1]:.1f} | {warm[-1][1]:.1f} "
        f"| {slope:+.2f} | {warm[0][2]} then {warm[-1][2]}"
    )
    return (
        "# gateway-soak\n\nFreehold with everything on, records durable.\n\n"
        "| minutes | calls | chunks | errors | MB warm | MB at the end | MB per 10 minutes | descriptors |\n"
        f"|---:|---:|---:|---:|---:|---:|---:|---|\n| {figures} |\n\n"
        f"Measured {where.date} by `{where.command}` at commit `{where.commit}` on {where.cpu}, "
        f"{where.cores} cores; the slope is taken after {min(WARM_SECONDS, seconds / 3) / 60:.1f} minutes. "
        "Must: at most 1 MB per 10 minutes, descriptors equal.\n"
    )


def descriptors(pid: int) -> int:
    return sum(len(list(Path(f"/proc/{each}/fd").iterdir())) for each in tree(pid))


if __name__ == "__main__":
    main()
