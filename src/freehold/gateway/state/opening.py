"""Which store the settings name: one row per adapter, loaded when it is opened."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Final

from freehold.gateway.state.base import Opened, State

STATE_NAME: Final = "state.db"
# module:class
ADAPTERS: Final = {
    "sqlite": "freehold.gateway.state.sqlite:SqliteState",
    "postgres": "freehold.gateway.state.postgres:PostgresState",
    "redis": "freehold.gateway.state.redis:RedisState",
}


def open_state(kind: str, where: str | Path) -> State:
    """`where`: a file's path, or the address of a server with what it needs to be let in."""
    return opener(kind, where)()


def opener(kind: str, where: str | Path) -> Opened:
    """The same, for a process that is still to be made. A missing extra is said at once."""
    module, _, name = ADAPTERS[kind].partition(":")
    return _Opener(getattr(importlib.import_module(module), name), where)


class _Opener:
    """It does not show its address, which may hold a password."""

    def __init__(self, adapter: Callable[[str | Path], State], where: str | Path) -> None:
        self._adapter, self._where = adapter, where

    def __call__(self) -> State:
        return self._adapter(self._where)
