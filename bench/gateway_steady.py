"""Steady states: a minute of load with the backlog of records flat, and what a worker's memory comes to."""

from __future__ import annotations

import argparse
import contextlib
import statistics
import threading
from collections.abc import Iterator
from pathlib import Path

from bench.gateway_peers import DURABLE, NGINX_ONE, NULL, Gateway
from bench.gateway_pieces import Figure, Found
from bench.gateway_rig import Case, Rig, Running, memory_mb, resume

SUSTAINED = Case("sustained, 32 connections", connections=32)
MANY_STREAMS = Case("1000 streams of 10/s", "chunk", 1000, interval_us=100_000)
SAMPLE_SECONDS = 1.0
IDLE_SECONDS = 2.0
STREAM_SECONDS_MIN = 8.0


def sustained(asked: argparse.Namespace, folder: Path) -> Found:
    """One long run each. The writer is a thread of the gateway's process, on its core: its CPU counts."""
    rig = Rig(folder)
    figures: list[Figure] = []
    with rig.homes(SUSTAINED):
        for gateway in (NGINX_ONE, NULL, DURABLE):
            made = rig.start(gateway)
            if made is None:
                continue
            rig.running.append(made)
            try:
                figures += long_run(rig, made, asked.sustained)
            finally:
                rig.end_all()
            if gateway is DURABLE:
                figures.append(kept(made))
    return Found(figures=figures, left_out=rig.left_out)


def long_run(rig: Rig, one: Running, seconds: float) -> list[Figure]:
    done, mb = threading.Event(), [memory_mb(one.process.pid, "VmRSS")]

    def watch() -> None:
        while not done.wait(SAMPLE_SECONDS):
            mb.append(memory_mb(one.process.pid, "VmRSS"))

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        found = rig.run(SUSTAINED, one, seconds)
    finally:
        done.set()
        watching.join()
    name, note = one.gateway.name, f"{found.errors} errors"
    figures = [
        single(f"{name}, calls/s", "", found.per_second, note),
        single(f"{name}, CPU per call", "us", found.cpu_us, note),
        single(f"{name}, p99", "ms", found.p99_ms),
        Figure(
            what=f"{name}, memory", unit="MB", samples=len(mb), median=statistics.median(mb), least=min(mb),
            most=max(mb), note=f"{mb[0]:.1f} before, {mb[-1]:.1f} at the end",
        ),
    ]  # fmt: skip
    figures += backlog(one)
    return [*figures, single(f"{name}, calls", "", found.count)]


def backlog(one: Running) -> list[Figure]:
    """Records that waited, twice a second; flat if the last quarter holds no more than the first."""
    path = one.folder / "state" / "backlog"
    if not path.exists():
        return []
    waiting = [float(line) for line in path.read_text().split()]
    quarter = max(1, len(waiting) // 4)
    first, last = statistics.fmean(waiting[:quarter]), statistics.fmean(waiting[-quarter:])
    return [
        Figure(
            what=f"{one.gateway.name}, records waiting", unit="", samples=len(waiting),
            median=statistics.median(waiting), least=min(waiting), most=max(waiting),
            note=f"mean of the first quarter {first:.0f}, of the last {last:.0f}",
        )
    ]  # fmt: skip


def kept(one: Running) -> Figure:
    """How many records are in the ledger after the gateway has stopped."""
    from freehold.ledger.files import FileReader

    reader = FileReader(one.folder / "state" / "ledger" / "local")
    return single(f"{one.gateway.name}, records in the ledger", "", reader.size())


def single(what: str, unit: str, value: float, note: str = "") -> Figure:
    return Figure(what=what, unit=unit, samples=1, median=value, least=value, most=value, note=note)


def memory(asked: argparse.Namespace, folder: Path) -> Found:
    """A worker that has answered a call and rests, and the most it takes with a thousand streams."""
    figures: list[Figure] = []
    rig = Rig(folder)
    for gateway in (NULL, DURABLE):
        idle, busy = zip(*(once(rig, gateway, asked.seconds) for _ in range(asked.rounds)), strict=True)
        note = f"with {', '.join(extras_of(rig, gateway))}"
        figures.append(spread(f"{gateway.name}, idle", "MB", idle, note))
        figures.append(spread(f"{gateway.name}, 1000 streams", "MB", busy, "the most there was"))
    return Found(figures=figures, left_out=rig.left_out)


def once(rig: Rig, gateway: Gateway, seconds: float) -> tuple[float, float]:
    with rig.homes(MANY_STREAMS), started(rig, gateway) as one:
        threading.Event().wait(IDLE_SECONDS)
        idle = memory_mb(one.process.pid, "VmRSS")
        rig.run(MANY_STREAMS, one, max(seconds, STREAM_SECONDS_MIN))
        return idle, memory_mb(one.process.pid, "VmHWM")


def extras_of(rig: Rig, gateway: Gateway) -> list[str]:
    """Packages with compiled parts that the process has loaded."""
    with rig.homes(MANY_STREAMS), started(rig, gateway) as one:
        lines = Path(f"/proc/{one.process.pid}/maps").read_text().splitlines()
    loaded = (line.partition("site-packages/")[2].partition("/")[0] for line in lines)
    found = {name for name in loaded if name and not name.startswith("freehold")}
    return sorted(name.partition(".")[0].lstrip("_") for name in found)


@contextlib.contextmanager
def started(rig: Rig, gateway: Gateway) -> Iterator[Running]:
    made = rig.start(gateway)
    if made is None:
        raise SystemExit(f"{gateway.name} did not start: {rig.left_out[-1]}")
    rig.running.append(made)
    try:
        yield made
    finally:
        resume(made)
        rig.end_all()


def spread(what: str, unit: str, values: tuple[float, ...], note: str = "") -> Figure:
    return Figure(
        what=what, unit=unit, samples=len(values), median=statistics.median(values), least=min(values),
        most=max(values), note=note,
    )  # fmt: skip
