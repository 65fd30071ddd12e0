"""The run folder of an alignment run: its one format, and its reader. Written by align, read by everybody.

    RUN/run.json                    what was run: digests of recipe, constitution and base weights, seed
    RUN/recipe.toml, constitution.toml   as they were when it began RUN/events.jsonl
    everything that happened, in order; the last word on a (stage, step) counts RUN/stages/STAGE.json
    a stage is finished when this is there: digests of what it made RUN/rows/NAME.jsonl             every
    training row with its provenance RUN/checkpoints/NAME/           models in the HF layout, each with a
    manifest of digests RUN/evaluations/NAME.json       measures of one checkpoint; NAME.jsonl: its answers,
    one a line

Reading needs no torch and never changes the folder; a last line cut short by a crash is left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec

from freehold.errors import InputError
from freehold.types.names import Digest

SCHEMA = "freehold.run/1"
LINE_BYTES_MAX = 4 * 1024 * 1024
ROLES = ("policy", "feedback", "oversight", "evaluation")

Happening = Literal[
    "started", "resumed", "stage_started", "progress", "stage_finished", "checkpoint", "evaluation",
    "failed", "finished",
]  # fmt: skip
T = TypeVar("T")


class Header(msgspec.Struct, frozen=True, kw_only=True):
    schema: str = SCHEMA
    run: str
    name: str
    created_ns: int
    recipe: Digest
    constitution: Digest
    base: Digest
    seed: int
    threads: int
    parameters: int
    usd_per_hour: float | None = None
    peak_flops_per_s: float | None = None
    facts: dict[str, str] = {}


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """What one role used up."""

    flops: int = 0
    seconds: float = 0.0
    tokens: int = 0

    def plus(self, other: Cost) -> Cost:
        return Cost(
            flops=self.flops + other.flops,
            seconds=self.seconds + other.seconds,
            tokens=self.tokens + other.tokens,
        )


class Happened(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of events.jsonl."""

    kind: Happening
    time_ns: int
    stage: str = ""
    step: int = 0
    total: int = 0
    values: dict[str, float] = {}
    cost: dict[str, Cost] = {}  # role -> what this step used up
    text: str = ""


class Rate(msgspec.Struct, frozen=True, kw_only=True):
    """A rate with its interval; None where nothing was counted."""

    rate: float | None
    low: float
    high: float
    n: int


class Evaluation(msgspec.Struct, frozen=True, kw_only=True):
    """Everything measured of one checkpoint. Measures are keyed `mode/name`, mode `greedy` or `t1`."""

    checkpoint: str
    stage: str
    step: int
    weights: Digest
    constitution: Digest
    full: bool = True
    rates: dict[str, Rate] = {}
    values: dict[str, float | None] = {}
    principles: dict[str, Rate] = {}  # `mode/principle`
    critic: dict[str, Rate] = {}  # the same, as the critic saw it and corrected for its errors
    notes: tuple[str, ...] = ()


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """One answer of one checkpoint."""

    prompt: str
    mode: str
    classed: str
    asked: str
    answer: str
    outcome: str
    exact: bool | None = None
    passes: dict[str, bool] = {}
    critic: float | None = None


class StageDone(msgspec.Struct, frozen=True, kw_only=True):
    stage: str
    time_ns: int
    made: dict[str, Digest] = {}  # path in the folder -> digest
    flops: int = 0
    facts: dict[str, str] = {}


class RunLog:
    """A run folder, opened for reading."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            self.header = msgspec.json.decode((folder / "run.json").read_bytes(), type=Header)
        except (OSError, msgspec.DecodeError) as error:
            raise InputError(
                f"{folder} is not a run folder", why=f"run.json: {error}",
                fix="name the folder that freehold align run wrote", code="watch.not-a-run",
            ) from error  # fmt: skip
        if self.header.schema != SCHEMA:
            raise InputError(
                f"{folder} is in the format {self.header.schema!r}", why=f"this reads {SCHEMA!r}",
                fix="read it with the version of Freehold that wrote it", code="watch.not-a-run",
            )  # fmt: skip

    def events(self) -> list[Happened]:
        """In order, each (kind, stage, step) once: what a resumed run did again replaces what was cut off."""
        latest: dict[tuple[str, str, int], Happened] = {}
        for event in self.lines("events.jsonl", Happened):
            key = (event.kind, event.stage, event.step)
            latest.pop(key, None)
            latest[key] = event
        return list(latest.values())

    def costs(self) -> dict[str, Cost]:
        """Flops, seconds and tokens by role, over the whole run."""
        total = {role: Cost() for role in ROLES}
        for event in self.events():
            for role, cost in event.cost.items():
                total[role] = total.get(role, Cost()).plus(cost)
        return total

    def stages(self) -> dict[str, StageDone]:
        found = [
            msgspec.json.decode(path.read_bytes(), type=StageDone)
            for path in sorted((self.folder / "stages").glob("*.json"))
        ]
        return {done.stage: done for done in sorted(found, key=lambda done: done.time_ns)}

    def evaluations(self) -> list[Evaluation]:
        """In the order in which they were made."""
        made = [event.text for event in self.events() if event.kind == "evaluation"]
        found = {
            path.stem: msgspec.json.decode(path.read_bytes(), type=Evaluation)
            for path in (self.folder / "evaluations").glob("*.json")
        }
        return [found[name] for name in dict.fromkeys(made) if name in found]

    def answers(self, checkpoint: str) -> list[Answered]:
        return list(self.lines(f"evaluations/{checkpoint}.jsonl", Answered))

    def rows(self, name: str) -> Iterator[dict[str, Any]]:
        return self.lines(f"rows/{name}.jsonl", dict[str, Any])

    def lines(self, name: str, kind: type[T]) -> Iterator[T]:
        """Whole lines of a JSONL file; nothing if it is not there."""
        path = self.folder / name
        if not path.is_file():
            return
        with path.open("rb") as file:
            while line := file.readline(LINE_BYTES_MAX):
                if line.endswith(b"\n"):
                    yield msgspec.json.decode(line, type=kind)
