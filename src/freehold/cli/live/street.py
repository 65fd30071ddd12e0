"""The processes of a live drill: stand-ins by pool, killed and brought back, and the gateway in front."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from freehold.cli.embedded import first_line, free_port, stop
from freehold.cli.live.gateway import ESTATE_NAME
from freehold.cli.live.homes import Group, Order, StandIn
from freehold.errors import RefusedError
from freehold.estate.drill import Moment
from freehold.estate.model import Estate
from freehold.gateway.transports import api_of
from freehold.types.homes import Home
from freehold.types.names import HomeId, PoolId

HOMES_MAX: Final = 32
NEEDED_OPTIONS: Final = {"project": "stand-in", "location": "stand-in", "resource": "stand-in"}


class State(msgspec.Struct, frozen=True, kw_only=True):
    """How a home is to be: the fault it has, and the most it takes."""

    fault: str | None = None
    per_min: float | None = None


class _Process:
    """The stand-ins of one pool, or one alone."""

    def __init__(self, homes: Sequence[StandIn], pool: PoolId | None, pool_per_min: float | None) -> None:
        self.homes, self.pool, self.pool_per_min = tuple(homes), pool, pool_per_min
        self.states = {one.name: State() for one in homes}
        self.running: subprocess.Popen[str] | None = None
        self._starting = False

    def start(self) -> None:
        homes = tuple(
            msgspec.structs.replace(one, fault=state.fault, per_min=state.per_min)
            for one, state in zip(self.homes, self.states.values(), strict=True)
        )
        self.running = child("freehold.cli.live.homes")
        self._write(Group(homes=homes, pool_per_min=self.pool_per_min))
        self._starting = True

    def ready(self) -> None:
        if self.running is not None and self._starting:
            first_line(self.running)
            self._starting = False

    def kill(self) -> None:
        if self.running is not None:
            self.running.send_signal(signal.SIGKILL)
            stop([self.running])
            close_stdin(self.running)
            self.running = None

    def _write(self, order: Group | Order) -> None:
        if self.running is not None and self.running.stdin is not None:
            with contextlib.suppress(BrokenPipeError):  # it has died; its successor is told everything
                self.running.stdin.write(msgspec.json.encode(order).decode() + "\n")
                self.running.stdin.flush()

    def become(self, wanted: Mapping[str, State], pool_per_min: float | None) -> tuple[list[str], list[str]]:
        """Make it so. The names of those killed, and of those brought back."""
        before, self.states = self.states, dict(wanted)
        pool_before, self.pool_per_min = self.pool_per_min, pool_per_min
        if all(state.fault == "refuse" for state in wanted.values()):
            if all(state.fault == "refuse" for state in before.values()):
                return [], []
            self.kill()
            self.start()  # with its doors shut, so that it is there the moment they are to open again
            return list(wanted), []
        self.ready()
        if pool_before != pool_per_min:
            self._write(Order(pool=True, per_min=pool_per_min))
        for name, state in wanted.items():
            if state.per_min != before[name].per_min:
                self._write(Order(home=name, per_min=state.per_min))
            if state.fault != before[name].fault:
                self._write(Order(home=name, fault=state.fault))
        dead = [n for n, s in wanted.items() if s.fault == "refuse" != before[n].fault]
        back = [n for n, s in wanted.items() if before[n].fault == "refuse" != s.fault]
        return dead, back


class Street:
    """Everything that runs, and where it is."""

    def __init__(self, estate: Estate, homes: Sequence[HomeId], folder: Path, scale: float) -> None:
        self.estate, self.folder = _stood_in(estate, homes), folder
        self.homes, self._scale = tuple(homes), scale
        self.processes = _processes(self.estate, homes, scale)
        self.gateway: subprocess.Popen[str] | None = None
        self.url = ""

    def start(self) -> None:
        for one in self.processes:
            one.start()
        for one in self.processes:
            one.ready()
        (self.folder / ESTATE_NAME).write_bytes(msgspec.msgpack.encode(self.estate))
        self.gateway = child(
            "freehold.cli.live.gateway", str(self.folder), FREEHOLD_HOME=str(self.folder / "state")
        )
        self.url = first_line(self.gateway)
        first_line(self.gateway)  # the admin port, once it answers

    def become(self, moment: Moment, how: str) -> tuple[list[str], list[str]]:
        """Let a moment of the paper drill come true. `how`: what is done to homes that are down."""
        killed, back = [], []
        for process in self.processes:
            wanted = {one.name: _state(HomeId(one.name), moment, how, self._scale) for one in process.homes}
            pool = pool_per_min(self.estate, process.pool, moment.capacity_times, self._scale)
            dead, revived = process.become(wanted, pool)
            killed += dead
            back += revived
        return killed, back

    def stop(self) -> None:
        """The gateway first, so that its last records are written; then the homes."""
        if self.gateway is not None:
            close_stdin(self.gateway)
            stop([self.gateway])
        left = [one.running for one in self.processes if one.running is not None]
        for process in left:
            close_stdin(process)
        stop(left)


@contextlib.contextmanager
def street(estate: Estate, homes: Sequence[HomeId], folder: Path, scale: float) -> Iterator[Street]:
    """Whatever ends the block ends every process; we hold their stdin, so even a kill of ours does.

    `scale`: calls a minute of the drill for each one of the estate.
    """
    if len(homes) > HOMES_MAX:
        raise RefusedError(
            f"{len(homes)} homes are too many to stand in for on one machine", why=f"the most is {HOMES_MAX}",
            fix="drill one workload of it: --workload NAME", code="cli.drill-too-large",
        )  # fmt: skip
    made = Street(estate, homes, folder, scale)
    try:
        made.start()
        yield made
    finally:
        made.stop()


def child(module: str, *words: str, **environment: str) -> subprocess.Popen[str]:
    """In a group of its own, so that Ctrl-C reaches us alone."""
    return subprocess.Popen(
        [sys.executable, "-m", module, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, text=True, start_new_session=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1", **environment},
    )  # fmt: skip


def close_stdin(process: subprocess.Popen[str]) -> None:
    if process.stdin is not None:
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()


def pool_per_min(estate: Estate, id: PoolId | None, times: float, scale: float) -> float | None:
    """A pool's limit in the drill's own calls a minute; tokens count as calls of the workloads' size."""
    pool = estate.pools.get(id) if id is not None else None
    if pool is None:
        return None
    found = [] if pool.requests_per_min is None else [float(pool.requests_per_min)]
    size = _mean_tokens(estate, pool.id)
    if pool.tokens_per_min is not None and size:
        found.append(pool.tokens_per_min / size)
    return min(found) * times * scale if found else None


def _mean_tokens(estate: Estate, pool: PoolId) -> float | None:
    """Of the calls of those who use the pool, weighted by how many they are."""
    total = calls = 0.0
    for one in estate.workloads.values():
        if any(estate.homes[home].pool == pool for home in one.homes) and one.requests_per_min:
            total += one.requests_per_min * ((one.input_tokens or 0) + (one.output_tokens or 0))
            calls += one.requests_per_min
    return total / calls if calls else None


def _state(id: HomeId, moment: Moment, how: str, scale: float) -> State:
    limit = moment.limits.get(id)
    fault = "slow" if id in moment.slow else "wrong" if id in moment.wrong else None
    return State(fault=how if id in moment.dead else fault, per_min=None if limit is None else limit * scale)


def _stood_in(estate: Estate, homes: Sequence[HomeId]) -> Estate:
    """The same estate, with stand-ins where homes are. No address of a real home is left in it."""
    moved: dict[HomeId, Home] = {}
    for id, home in estate.homes.items():
        url = f"http://127.0.0.1:{free_port()}" if id in homes else None
        options = {**NEEDED_OPTIONS, **home.options}
        moved[id] = msgspec.structs.replace(home, url=url, credential=None, options=options)
    wanted = set(homes)
    workloads = {
        id: msgspec.structs.replace(
            one,
            homes=tuple(home for home in one.homes if home in wanted),
            substitutes=tuple(sub for sub in one.substitutes if sub.home in wanted),
        )
        for id, one in estate.workloads.items()
    }
    return msgspec.structs.replace(
        estate, homes={id: home for id, home in moved.items() if id in wanted},
        workloads={id: one for id, one in workloads.items() if one.homes},
    )  # fmt: skip


def _processes(estate: Estate, homes: Sequence[HomeId], scale: float) -> list[_Process]:
    groups: dict[str, list[StandIn]] = {}
    pools: dict[str, PoolId | None] = {}
    for id in homes:
        home = estate.homes[id]
        name = f"pool {home.pool}" if home.pool is not None else f"home {id}"
        port = int((home.url or "").rpartition(":")[2])
        groups.setdefault(name, []).append(StandIn(name=id, api=_speaks(home), port=port))
        pools[name] = home.pool
    return [
        _Process(group, pools[name], pool_per_min(estate, pools[name], 1.0, scale))
        for name, group in groups.items()
    ]


def _speaks(home: Home) -> str:
    api = api_of(home.api or "")
    return "gemini" if api.startswith("vertex") else api
