"""Which store the settings name: one row per adapter, loaded when it is opened."""

from __future__ import annotations

import importlib
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

from freehold.gateway.state.base import Opened, State

STATE_NAME: Final = "state.db"


class Row(NamedTuple):
    target: str  # module:class
    shared: bool  # is it seen from other machines?


ADAPTERS: Final = {
    "sqlite": Row("freehold.gateway.state.sqlite:SqliteState", False),
    "postgres": Row("freehold.gateway.state.postgres:PostgresState", True),
    "redis": Row("freehold.gateway.state.redis:RedisState", True),
}


def open_state(kind: str, where: str | Path) -> State:
    """`where`: a file's path, or the address of a server with what it needs to be let in."""
    module, _, name = ADAPTERS[kind].target.partition(":")
    made: State = getattr(importlib.import_module(module), name)(where)
    return made


def opener(kind: str, where: str | Path) -> Opened:
    """The same, for a process that is still to be made. It does not show where in its repr."""
    return _Opener(partial(open_state, kind, where))


class _Opener:
    def __init__(self, open_it: Opened) -> None:
        self._open = open_it

    def __call__(self) -> State:
        return self._open()
