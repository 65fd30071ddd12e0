"""What a fault gets to work with."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple

import msgspec

from freehold.clock import Clock
from freehold.pocket.exchange import Exchange
from freehold.pocket.faults.rules import FaultRule
from freehold.pocket.line import Line


class Play(msgspec.Struct, kw_only=True):
    """One fault being played on one exchange."""

    rule: FaultRule
    exchange: Exchange
    clock: Clock

    @property
    def line(self) -> Line:
        return self.exchange.line


class Fault(NamedTuple):
    """A row of the table: what it does, and what it is called in the documentation."""

    play: Callable[[Play], Awaitable[None]]
    help: str
