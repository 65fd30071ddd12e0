"""Run several things in turns, round by round, and say what they cost, on what machine, at which commit.

A contender is a command (a list of words) or a callable that does `operations` things at once. Rounds are
interleaved (A B C, A B C, ...) after one unmeasured round each. `Report.write` leaves a table for people and
one JSON object for programs in bench/results/<question>.md.
"""

from __future__ import annotations

import os
import platform
import resource
import shlex
import statistics
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "bench" / "results"
COMMAND_TIMEOUT_S = 300
SCORE_STEPS = 1_000_000


class Contender(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    run: tuple[str, ...] | Callable[[], object]
    operations: int = 1  # how many operations one run does
    note: str = ""
    processes: tuple[int, ...] = ()  # ids of servers whose CPU counts too


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One contender's figures, per operation, over all rounds."""

    name: str
    rounds: int
    wall_ms_median: float
    wall_ms_min: float
    wall_ms_max: float
    cpu_ms_median: float
    note: str = ""


class Environment(msgspec.Struct, frozen=True, kw_only=True):
    cpu: str
    cores: int
    kernel: str
    interpreter: str
    python: str
    build: str
    commit: str
    date: str
    command: str
    load_1min: float
    score_ms: float  # the fixed pure-Python loop, so that figures of two machines can be told apart


class Report(msgspec.Struct, frozen=True, kw_only=True):
    question: str
    environment: Environment
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()

    def write(self, folder: Path = RESULTS) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self.question}.md"
        path.write_text(self.markdown(), encoding="utf-8")
        return path

    def markdown(self) -> str:
        where = self.environment
        body = msgspec.json.format(msgspec.json.encode(self), indent=2).decode()
        notes = "".join(f"- {note}\n" for note in self.notes)
        return (
            f"# {self.question}\n\n{table(self.rows)}\n"
            f"{notes}{chr(10) if notes else ''}"
            f"Measured {where.date} by `{where.command}` at commit `{where.commit}` on {where.cpu}, "
            f"{where.cores} cores, Linux {where.kernel}, Python {where.python} ({where.build}); "
            f"fixed loop {where.score_ms:.0f} ms; load {where.load_1min:.1f} at the start.\n\n"
            f"```json\n{body}\n```\n"
        )


def table(rows: Sequence[Row]) -> str:
    lines = [
        "| what | rounds | median ms | min - max ms | CPU ms | note |",
        "|---|---:|---:|---:|---:|---|",
    ]
    for row in rows:
        spread = f"{row.wall_ms_min:.3f} - {row.wall_ms_max:.3f}"
        lines.append(
            f"| {row.name} | {row.rounds} | {row.wall_ms_median:.3f} | {spread} "
            f"| {row.cpu_ms_median:.3f} | {row.note} |"
        )
    return "\n".join(lines) + "\n"


def compare(contenders: Sequence[Contender], *, rounds: int = 15) -> tuple[Row, ...]:
    """Every contender once unmeasured, then `rounds` rounds in turn; figures are per operation."""
    if rounds < 1:
        raise ValueError(f"rounds is {rounds}; at least one is needed for a figure")
    for contender in contenders:
        measure_once(contender)
    wall_ms: dict[str, list[float]] = {contender.name: [] for contender in contenders}
    cpu_ms: dict[str, list[float]] = {contender.name: [] for contender in contenders}
    for _ in range(rounds):
        for contender in contenders:
            wall, cpu = measure_once(contender)
            wall_ms[contender.name].append(wall)
            cpu_ms[contender.name].append(cpu)
    return tuple(
        summarise(contender, wall_ms[contender.name], cpu_ms[contender.name]) for contender in contenders
    )


def summarise(contender: Contender, wall_ms: Sequence[float], cpu_ms: Sequence[float]) -> Row:
    return Row(
        name=contender.name,
        rounds=len(wall_ms),
        wall_ms_median=statistics.median(wall_ms),
        wall_ms_min=min(wall_ms),
        wall_ms_max=max(wall_ms),
        cpu_ms_median=statistics.median(cpu_ms),
        note=contender.note,
    )


def measure_once(
    contender: Contender, *, wall_seconds: Callable[[], float] = time.perf_counter
) -> tuple[float, float]:
    """Wall and CPU milliseconds per operation of one run."""
    cpu_start, start = cpu_seconds(contender.processes), wall_seconds()
    if callable(contender.run):
        contender.run()
    else:
        run_command(contender.run)
    wall, cpu = wall_seconds() - start, cpu_seconds(contender.processes) - cpu_start
    return wall * 1e3 / contender.operations, cpu * 1e3 / contender.operations


def run_command(words: Sequence[str]) -> None:
    done = subprocess.run(
        words, stdin=subprocess.DEVNULL, capture_output=True, timeout=COMMAND_TIMEOUT_S, check=False
    )
    if done.returncode != 0:
        tail = done.stderr.decode(errors="replace")[-500:]
        raise RuntimeError(f"{shlex.join(words)} ended with {done.returncode}: {tail}")


def cpu_seconds(processes: Sequence[int] = ()) -> float:
    """User and system time of this process, of every child that has ended, and of the processes named."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(part.ru_utime + part.ru_stime for part in used) + sum(map(process_cpu_seconds, processes))


def process_cpu_seconds(process: int) -> float:
    """What a running process has used, in the kernel's ticks of 10 ms."""
    fields = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def environment() -> Environment:
    return Environment(
        cpu=cpu_model(),
        cores=len(os.sched_getaffinity(0)),
        kernel=platform.release(),
        interpreter=_without_folders(Path(sys.executable)),
        python=platform.python_version(),
        build=build_flags(),
        commit=commit(),
        date=datetime.now(UTC).date().isoformat(),
        command=command_line(),
        load_1min=os.getloadavg()[0],
        score_ms=score_ms(),
    )


def cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _without_folders(interpreter: Path) -> str:
    """Of a folder outside this one a page tells nothing."""
    return f"./{interpreter.relative_to(ROOT)}" if interpreter.is_relative_to(ROOT) else interpreter.name


def build_flags() -> str:
    """Was this interpreter built with profile-guided and link-time optimisation? It is worth a lot."""
    arguments = str(sysconfig.get_config_var("CONFIG_ARGS") or "")

    def said(word: str, against: str) -> str:
        """Debian, for one, chooses otherwise than by these words, so that their absence tells nothing."""
        return "yes" if word in arguments else "no" if against in arguments else "not said"

    pgo = said("--enable-optimizations", "--disable-optimizations")
    lto = said("--with-lto", "--without-lto")
    return f"PGO {pgo}, LTO {lto}"


def commit() -> str:
    head = git("rev-parse", "--short=12", "HEAD")
    if not head:
        return "unknown"
    # The results themselves change while measuring; anything else makes the figure hard to repeat.
    dirty = git("status", "--porcelain", "--", ":!bench/results")
    return f"{head}+dirty" if dirty else head


def git(*words: str) -> str:
    done = subprocess.run(
        ["git", *words], cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    return done.stdout.strip() if done.returncode == 0 else ""


def command_line() -> str:
    main = sys.modules["__main__"].__spec__
    given = [
        Path(word).name if word.startswith("/") else word for word in sys.argv[1:]
    ]  # no machine's folders
    words = ["-m", main.name, *given] if main is not None else [Path(sys.argv[0]).name, *given]
    return shlex.join(["python", *words])


def score_ms() -> float:
    """The best of three runs of one fixed loop in pure Python."""

    def loop() -> float:
        start, total = time.perf_counter(), 0
        for step in range(SCORE_STEPS):
            total = (total * 31 + step) & 0xFFFF_FFFF
        return (time.perf_counter() - start) * 1e3

    return min(loop() for _ in range(3))


def ask(
    question: str, contenders: Sequence[Contender], *, rounds: int = 15, notes: Sequence[str] = ()
) -> Report:
    """Measure, print the table and one JSON object, and write the result file."""
    where = environment()
    report = Report(
        question=question, environment=where, rows=compare(contenders, rounds=rounds), notes=tuple(notes)
    )
    path = report.write()
    print(table(report.rows))
    print(msgspec.json.encode(report).decode())
    print(f"written to {path.relative_to(ROOT)}", file=sys.stderr)
    return report
