"""What a pocket home answers with: the seam that every engine fits, and the table of engines."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol, cast, runtime_checkable

import msgspec

from freehold.errors import InputError, nearest
from freehold.types.conversation import Conversation, Event
from freehold.types.names import Digest

ENGINES: dict[str, str] = {
    "scripted": "freehold.pocket.scripted:ScriptedEngine",
    "model": "freehold.pocket.lm.home:ModelEngine",
}


class Wait(msgspec.Struct, frozen=True, kw_only=True):
    """The engine takes its time before what it yields next."""

    seconds: float


Step = Event | Wait


class Engine(Protocol):
    """Events in the order of a stream: Begin, blocks, Finished, UsageReport, End; a Wait anywhere.

    `blocking`: a step may take long enough to be worth a thread.
    """

    blocking: bool

    def answer(self, conversation: Conversation, id: str) -> Iterator[Step]: ...


@runtime_checkable
class Reloadable(Protocol):
    """An engine with weights that can be changed for others while its home runs."""

    @property
    def weights(self) -> Digest: ...
    def load(self, folder: Path, digest: Digest) -> None:
        """Change to the weights in `folder` if their digest is this one; else keep what there is."""
        ...


def engine(name: str) -> Engine:
    if name not in ENGINES:
        close = nearest(name, ENGINES)
        raise InputError(
            f"there is no engine {name!r}",
            why=f"engines are {', '.join(ENGINES)}" + (f"; the closest is {close!r}" if close else ""),
            fix="name one of them",
            code="pocket.unknown-engine",
        )
    module, _, attribute = ENGINES[name].partition(":")
    return cast("Engine", getattr(importlib.import_module(module), attribute)())
