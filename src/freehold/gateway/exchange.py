"""One exchange with the shared state, by the thread that may wait for it: words there, words back.

Nothing that calls touch is read or changed here. What goes wrong is an answer too.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from freehold.errors import FreeholdError
from freehold.gateway.journal import left_behind
from freehold.gateway.meters import Ask, Grant
from freehold.gateway.state.base import KeyRow, Opened, State, StateAway

NEWS_KEPT_SECONDS: Final = 5.0


class Work(msgspec.Struct, kw_only=True):
    """One round: what the thread is to tell the store and to ask of it."""

    asks: list[Ask]
    sequence: int
    beat: bool
    since: int | None  # of the keys; None: not asked
    tell: list[tuple[str, str, bytes]]
    gather: list[str]
    recover: bool
    began: float


class Done(msgspec.Struct, kw_only=True):
    """What came of it."""

    grants: list[Grant]
    version: int | None = None
    rows: list[KeyRow] = []
    news: dict[str, dict[str, bytes]] = {}
    doubts: str = ""


class Exchange:
    """The thread's side: the store, opened when first needed and again after it failed."""

    def __init__(self, open_state: Opened, owner: str, folder: Path, lease_s: float) -> None:
        self._open, self._owner, self._folder, self._lease_s = open_state, owner, folder, lease_s
        self._state: State | None = None
        self._born = ""
        self._sure = False  # that the store is the one it was

    def round(self, work: Work) -> Done | FreeholdError:
        try:
            return self._round(work)
        except FreeholdError as error:
            self._sure = False
            return error
        except Exception as error:  # noqa: BLE001  # a fault here must not end the thread that renews leases
            self._sure = False
            return StateAway(
                "the shared state cannot be used", why=type(error).__name__,
                fix="see the store's own log", code="gateway.state-away",
            )  # fmt: skip

    def _round(self, work: Work) -> Done:
        state = self._state
        if state is None:
            state = self._state = self._open()
        doubts = self._recognise(state) if not self._sure else ""
        done = Done(grants=[], doubts=doubts)
        if work.asks or work.beat:
            done.grants = state.sync(self._owner, work.sequence, self._lease_s, work.asks)
        if work.since is not None:
            done.version, done.rows = state.keys(work.since)
            if done.version < work.since:
                raise _another()
        for kind, name, value in work.tell:
            state.publish(kind, name, value, NEWS_KEPT_SECONDS)
        done.news = {kind: dict(state.gather(kind)) for kind in work.gather}
        if work.recover:
            self._recover(state)
        return done

    def _recover(self, state: State) -> None:
        """Settle for processes that are gone. One that cannot be settled must not hold up those that live."""
        with suppress(OSError):
            for owner, left, path in left_behind(self._folder):
                with suppress(FreeholdError):  # it stays for the next time; if the store is away, that shows
                    state.recover(owner, left)
                    path.unlink(missing_ok=True)

    def _recognise(self, state: State) -> str:
        """A store that was emptied, or another one at its address, must not make known keys unknown."""
        born = state.born()
        if self._born and born != self._born:
            raise _another()
        first, self._born, self._sure = not self._born, born, True
        return state.doubts() if first else ""

    def close(self) -> None:
        if self._state is not None:
            self._state.close()


def _another() -> StateAway:
    return StateAway(
        "the shared state is not the one it was", why="it was emptied, or another store is at its address",
        fix="restore it; or restart the gateways to begin with what is there now", code="gateway.state-away",
    )  # fmt: skip
