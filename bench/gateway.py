"""How much a call costs in each gateway, side by side on one core.

    python -m bench.gateway [--quick] [--only NAME ...] [--rounds N] [--seconds S]

One gateway at a time on core 1; the home (bench/native/upstream.c) and the load (wrk, bench/native/load.c) on
core 0. Rounds are interleaved. CPU microseconds per request or chunk, of the gateway's whole process tree, is
the figure that survives a busy machine; calls/s and latencies stand beside it.
Needs gcc, wrk, nginx, haproxy; peers from .venv-peers (make env-peers) and, for Portkey, an npm folder named
by FREEHOLD_BENCH_NPM. A contender that is not installed is left out and named.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from bench.gateway_peers import GATEWAYS, Gateway, Place
from bench.harness import RESULTS, ROOT, Environment, environment

NATIVE = ROOT / "bench" / "native"
START_SECONDS_MAX = 60.0
HOME_CORE, GATEWAY_CORE = 0, 1
CLOCK_TICKS = os.sysconf("SC_CLK_TCK")
QUESTION = "gateway"


class Case(NamedTuple):
    """One thing that is measured."""

    name: str
    unit: str  # request or chunk
    connections: int
    streaming: bool = False
    chunks: int = 50
    interval_us: int = 20_000
    body_bytes: int = 0
    translated: bool = False


PLAIN = (
    Case("plain, 1 connection", "request", 1),
    Case("plain, 32 connections", "request", 32),
    Case("plain, 128 connections", "request", 128),
    Case("plain, 32 connections, 40 kB bodies", "request", 32, body_bytes=40_000),
    Case("translated to Anthropic, 32 connections", "request", 32, translated=True),
)
STREAMS = (
    Case("8 streams of 50/s", "chunk", 8, streaming=True),
    Case("128 streams of 50/s", "chunk", 128, streaming=True),
    Case("128 translated streams of 50/s", "chunk", 128, streaming=True, translated=True),
    Case("200 streams of 50/s", "chunk", 200, streaming=True),
    Case("1000 streams of 10/s", "chunk", 1000, streaming=True, interval_us=100_000),
)


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One run."""

    per_second: float
    cpu_us: float
    p50_ms: float
    p99_ms: float
    errors: int


class Row(msgspec.Struct, frozen=True, kw_only=True):
    case: str
    gateway: str
    unit: str
    rounds: int
    per_second: float
    cpu_us: float
    cpu_us_min: float
    cpu_us_max: float
    p50_ms: float
    p99_ms: float
    errors: int
    peak_mb: float


class Report(msgspec.Struct, frozen=True, kw_only=True):
    question: str
    environment: Environment
    rows: tuple[Row, ...]
    left_out: tuple[str, ...]


class Running(NamedTuple):
    """A started contender."""

    gateway: Gateway
    process: subprocess.Popen[str]
    port: int
    folder: Path


def main() -> None:
    asked = arguments()
    with tempfile.TemporaryDirectory(prefix="freehold-bench-") as folder:
        place = Path(folder)
        build(place)
        cases = [case for case in (*PLAIN, *STREAMS) if not asked.case or asked.case in case.name]
        rows: list[Row] = []
        left_out: list[str] = []
        with homes(place) as home_ports:
            for case in cases:
                rows += measure_case(case, asked, place, home_ports, left_out)
        report = Report(
            question=QUESTION,
            environment=environment(),
            rows=tuple(rows),
            left_out=tuple(dict.fromkeys(left_out)),
        )
    text = markdown(report)
    print(text)
    if asked.write:
        RESULTS.mkdir(parents=True, exist_ok=True)
        (RESULTS / f"{QUESTION}.md").write_text(text, encoding="utf-8")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--only", nargs="*", default=[], help="contenders by name")
    parser.add_argument("--case", default="", help="part of a case's name")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--write", action="store_true", help="write bench/results/gateway.md")
    return parser.parse_args()


def build(folder: Path) -> None:
    for name in ("upstream", "load"):
        source, made = NATIVE / f"{name}.c", folder / name
        subprocess.run(["gcc", "-O2", "-o", str(made), str(source)], check=True)


@contextlib.contextmanager
def homes(folder: Path) -> Iterator[dict[str, int]]:
    """An OpenAI home and an Anthropic one; restarted per case by `paced` where the pace differs."""
    ports = {"openai": free_port(), "anthropic": free_port()}
    yield ports


@contextlib.contextmanager
def paced(case: Case, folder: Path, ports: dict[str, int]) -> Iterator[None]:
    started = [
        subprocess.Popen(
            [*pinned(HOME_CORE), str(folder / "upstream"), str(port), dialect, str(case.chunks),
             str(case.interval_us)],
            stdout=subprocess.PIPE, text=True,
        )
        for dialect, port in ports.items()
    ]  # fmt: skip
    try:
        for one in started:
            if one.stdout is None or "ready" not in one.stdout.readline():
                sys.exit("the home did not start")
        yield
    finally:
        for one in started:
            one.terminate()
            one.wait()
            if one.stdout is not None:
                one.stdout.close()


def measure_case(
    case: Case, asked: argparse.Namespace, folder: Path, ports: dict[str, int], left_out: list[str]
) -> list[Row]:
    chosen = [one for one in GATEWAYS if not asked.only or one.name in asked.only]
    chosen = [
        one
        for one in chosen
        if (one.translated or not case.translated) and (one.streams or not case.streaming)
    ]
    figures: dict[str, list[Figure]] = {}
    peaks: dict[str, float] = {}
    with paced(case, folder, ports), contextlib.ExitStack() as stack:
        running: list[Running] = []
        for gateway in chosen:
            made = start(gateway, folder, ports, left_out)
            if made is not None:
                running.append(made)
                stack.callback(end, made)
        for one in running:
            run(case, one, ports, folder, 1.0)  # unmeasured
        for _ in range(asked.rounds):
            for one in running:
                figures.setdefault(one.gateway.name, []).append(run(case, one, ports, folder, asked.seconds))
        peaks = {one.gateway.name: peak_mb(one.process.pid) for one in running}
    return [row(case, name, found, peaks[name]) for name, found in figures.items()]


def row(case: Case, name: str, found: Sequence[Figure], peak: float) -> Row:
    cpu = [one.cpu_us for one in found]
    return Row(
        case=case.name, gateway=name, unit=case.unit, rounds=len(found),
        per_second=statistics.median(one.per_second for one in found), cpu_us=statistics.median(cpu),
        cpu_us_min=min(cpu), cpu_us_max=max(cpu), p50_ms=statistics.median(one.p50_ms for one in found),
        p99_ms=statistics.median(one.p99_ms for one in found), errors=sum(one.errors for one in found),
        peak_mb=peak,
    )  # fmt: skip


def start(gateway: Gateway, folder: Path, ports: dict[str, int], left_out: list[str]) -> Running | None:
    own = Path(tempfile.mkdtemp(dir=folder))
    key = freehold_key(own) if gateway.key else ""
    place = Place(free_port(), free_port(), ports["openai"], ports["anthropic"], own, key)
    command = gateway.command(place)
    if shutil.which(command[0]) is None or not all(
        Path(word).exists() for word in command if word.endswith(".js")
    ):
        left_out.append(f"{gateway.name} is not installed")
        return None
    variables = {**os.environ, **dict(gateway.environment), "FREEHOLD_HOME": str(own / "state")}
    process = subprocess.Popen(
        [*pinned(GATEWAY_CORE), *command], cwd=ROOT, env=variables, text=True, start_new_session=True,
        stdout=subprocess.PIPE if gateway.prints_port else subprocess.DEVNULL,
        stderr=(own / "stderr").open("w"),
    )  # fmt: skip
    port = printed_port(process) if gateway.prints_port else place.port
    running = Running(gateway, process, port, own)
    if port and answers(running, ports):
        return running
    left_out.append(f"{gateway.name} did not start: {(own / 'stderr').read_text()[-200:]!r}")
    end(running)
    return None


def freehold_key(folder: Path) -> str:
    """A key like a caller's, so that looking it up is part of what is measured."""
    from freehold.gateway.keys import KeyBook
    from freehold.gateway.state import open_state

    state = open_state("sqlite", folder / "state" / "state.db")
    _, secret = KeyBook(state).create(
        "bench", workloads=("chat", "tr"), requests_per_min=10**9, concurrency=100_000
    )
    state.close()
    (folder / "key").write_text(secret)
    return secret


def printed_port(process: subprocess.Popen[str]) -> int:
    for line in process.stdout or ():
        found = re.search(r"http://[\d.]+:(\d+)", line)
        if found:
            return int(found[1])
    return 0


def answers(one: Running, ports: dict[str, int]) -> bool:
    """Does it answer a call as it will be called?"""
    until = time.monotonic() + START_SECONDS_MAX
    head = "\r\n".join(headers_of(one, ports))
    body = body_of(Case("", "", 1), one.gateway, False)
    request = (
        f"POST {one.gateway.path} HTTP/1.1\r\nHost: 127.0.0.1:{one.port}\r\nConnection: close\r\n{head}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n{body}"
    )
    while time.monotonic() < until and one.process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", one.port), 5) as connection:
            connection.settimeout(10)
            connection.sendall(request.encode())
            if b" 200 " in connection.recv(4096)[:20]:
                return True
        time.sleep(0.2)
    return False


def headers_of(one: Running, ports: dict[str, int]) -> list[str]:
    found = ["Content-Type: application/json"]
    found += [line.replace("{home}", f"http://127.0.0.1:{ports['openai']}") for line in one.gateway.headers]
    if one.gateway.key:
        found.append(f"Authorization: Bearer {(one.folder / 'key').read_text()}")
    return found


def body_of(case: Case, gateway: Gateway, streaming: bool) -> str:
    model = gateway.translated if case.translated else gateway.model
    system = "You are a helpful assistant who answers in a few words." + " word" * (case.body_bytes // 5)
    user = (
        "Tell me what there is to know about this, in a few words and with care, please, and do not leave "
        "out what matters most to people who build."
    )
    message = {"max_tokens": 200, "messages": [
        {"role": "system", "content": system}, {"role": "user", "content": user},
    ], "temperature": 0.7}  # fmt: skip
    fields = {"model": model, **message} if model else message
    return msgspec.json.encode({**fields, "stream": True} if streaming else fields).decode()


def run(case: Case, one: Running, ports: dict[str, int], folder: Path, seconds: float) -> Figure:
    before = cpu_seconds(one.process.pid)
    counted = run_load(case, one, seconds, folder) if case.streaming else run_wrk(case, one, ports, seconds)
    used = cpu_seconds(one.process.pid) - before
    count, per_second, p50_ms, p99_ms, errors = counted
    return Figure(
        per_second=per_second, cpu_us=used / max(count, 1) * 1e6, p50_ms=p50_ms, p99_ms=p99_ms, errors=errors
    )


def run_wrk(
    case: Case, one: Running, ports: dict[str, int], seconds: float
) -> tuple[int, float, float, float, int]:
    script = one.folder / "post.lua"
    lines = ['wrk.method = "POST"', f"wrk.body = [==[{body_of(case, one.gateway, False)}]==]"]
    for header in headers_of(one, ports):
        name, _, value = header.partition(": ")
        lines.append(f'wrk.headers["{name}"] = [==[{value}]==]')
    script.write_text("\n".join(lines))
    out = subprocess.run(
        [*pinned(HOME_CORE), "wrk", "-t1", f"-c{case.connections}", f"-d{seconds:g}s", "--latency", "-s",
         str(script), f"http://127.0.0.1:{one.port}{one.gateway.path}"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    count = int(find(r"(\d+) requests in", out))
    bad = int(find(r"Non-2xx or 3xx responses: (\d+)", out)) + sum(
        int(word) for word in re.findall(r"(?:connect|read|write|timeout) (\d+)", out)
    )
    return count, float(find(r"Requests/sec:\s+([\d.]+)", out)), latency(out, "50%"), latency(out, "99%"), bad


def run_load(case: Case, one: Running, seconds: float, folder: Path) -> tuple[int, float, float, float, int]:
    model = one.gateway.translated if case.translated else one.gateway.model
    words = [
        str(folder / "load"),
        str(one.port),
        one.gateway.path,
        str(case.connections),
        f"{seconds:g}",
        model,
    ]
    authorization = [
        line for line in headers_of(one, {"openai": 0}) if line.startswith("Authorization: Bearer ")
    ]
    words += [line.rpartition(" ")[2] for line in authorization]
    out = subprocess.run([*pinned(HOME_CORE), *words], capture_output=True, text=True, check=True).stdout
    told = msgspec.json.decode(out)
    return (
        told["events"], told["events"] / told["seconds"], told["first_us"]["p50"] / 1000,
        told["event_us"]["p99"] / 1000, told["errors"],
    )  # fmt: skip


def find(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    return found[1] if found else "0"


def latency(text: str, share: str) -> float:
    found = re.search(rf"{share}\s+([\d.]+)(us|ms|s)", text)
    return float(found[1]) * {"us": 0.001, "ms": 1.0, "s": 1000.0}[found[2]] if found else 0.0


def pinned(core: int) -> list[str]:
    return ["taskset", "-c", str(core)]


def tree(pid: int) -> list[int]:
    """A process and everything it started."""
    found, at = [pid], 0
    while at < len(found):
        with contextlib.suppress(OSError):
            for task in Path(f"/proc/{found[at]}/task").iterdir():
                found += [int(child) for child in (task / "children").read_text().split()]
        at += 1
    return found


def cpu_seconds(pid: int) -> float:
    total = 0
    for one in tree(pid):
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
            total += int(fields[11]) + int(fields[12])
    return total / CLOCK_TICKS


def peak_mb(pid: int) -> float:
    total = 0.0
    for one in tree(pid):
        with contextlib.suppress(OSError):
            total += float(find(r"VmHWM:\s+(\d+)", Path(f"/proc/{one}/status").read_text())) / 1024
    return total


def end(one: Running) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(one.process.pid, signal.SIGTERM)
    try:
        one.process.wait(5)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(one.process.pid, signal.SIGKILL)
        one.process.wait()
    if one.process.stdout is not None:
        one.process.stdout.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def markdown(report: Report) -> str:
    where = report.environment
    parts = [f"# {report.question}\n"]
    for case in dict.fromkeys(one.case for one in report.rows):
        rows = [one for one in report.rows if one.case == case]
        limit = next((one for one in rows if one.gateway == "nginx"), None)
        latencies = "first event p50 ms | event p99 ms" if rows[0].unit == "chunk" else "p50 ms | p99 ms"
        parts += [
            f"## {case}\n",
            f"| gateway | {rows[0].unit}s/s | CPU us/{rows[0].unit} (min - max) | CPU against nginx | "
            f"{latencies} | peak MB | errors |",
            "|---|---:|---:|---:|---:|---:|---:|---:|",
            *(_line(one, limit) for one in rows),
            "",
        ]
    left = "".join(f"- {one}\n" for one in report.left_out)
    body = msgspec.json.format(msgspec.json.encode(report), indent=2).decode()
    return "\n".join(parts) + (
        f"{left}\nMeasured {where.date} by `{where.command}` at commit `{where.commit}` on {where.cpu}, "
        f"{where.cores} cores, "
        f"Linux {where.kernel}, Python {where.python} ({where.build}); fixed loop {where.score_ms:.0f} ms; "
        f"load {where.load_1min:.1f} at the end.\n\n```json\n{body}\n```\n"
    )


def _line(one: Row, limit: Row | None) -> str:
    ratio = f"{one.cpu_us / limit.cpu_us:.2f}x" if limit is not None and limit.cpu_us else ""
    return (
        f"| {one.gateway} | {one.per_second:,.0f} "
        f"| {one.cpu_us:.1f} ({one.cpu_us_min:.1f} - {one.cpu_us_max:.1f}) | {ratio} "
        f"| {one.p50_ms:.2f} | {one.p99_ms:.2f} | {one.peak_mb:.0f} | {one.errors} |"
    )


if __name__ == "__main__":
    main()
