"""One run at work: its folder, its settings, who is told, and what it all cost."""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, TypeVar

import torch

from freehold.align.constitution import Constitution, Principle
from freehold.align.folder import RunFolder
from freehold.align.prompts import Prompt
from freehold.align.recipe import Recipe
from freehold.align.sampler import LocalSampler
from freehold.clock import Clock, ulid
from freehold.errors import UnavailableError
from freehold.types.contracts import Publisher, Recorder, Sampler
from freehold.types.names import Digest
from freehold.types.records import StepRecord
from freehold.types.sampling import NotSupported, Sample, SampleRequest, ScoreRequest, Scores
from freehold.watch.runlog import Cost, Happened, Happening, Header

T = TypeVar("T")
SAMPLER_TRIES = 3


class Remote(Protocol):
    """A sampling home: what it answers with, and how new weights get there."""

    sampler: Sampler
    publisher: Publisher
    stale: int  # samples that came from other weights than those last published


class Run:
    """Everything the stages share. Nothing in here is random, and nothing but `meter` reads a clock."""

    def __init__(
        self, folder: RunFolder, header: Header, recipe: Recipe, constitution: Constitution, *, base: Path,
        prompts: Sequence[Prompt], recorder: Recorder | None, clock: Clock, show: Callable[[Happened], None],
        remote: Remote | None = None, judge: Remote | None = None,
    ) -> None:  # fmt: skip
        self.beside = Path(header.facts.get("recipe_folder", "."))  # what the recipe's paths are relative to
        self.folder, self.header, self.recipe, self.constitution = folder, header, recipe, constitution
        self.base, self.prompts, self.remote = base, prompts, remote
        self._judge = judge
        self.device = torch.device(recipe.run.device)
        self.dtype = torch.float32 if recipe.run.dtype == "float32" else torch.bfloat16
        self._recorder, self._clock, self._show = recorder, clock, show
        self._costs: dict[str, Cost] = {}
        self._samplers: dict[Path, LocalSampler] = {}

    # who answers

    def policy(self, *before: str) -> Path:
        """The newest finished model among these stages, else the base."""
        for stage in before:
            if self.folder.stage_done(stage):
                return self.folder.checkpoint(stage)
        return self.base

    def local(self, folder: Path) -> LocalSampler:
        """The model of a folder, in this process. The last two are kept."""
        if folder not in self._samplers:
            while len(self._samplers) >= 2:
                self._samplers.pop(next(iter(self._samplers)))
            self._samplers[folder] = LocalSampler.load(folder, device=self.device, dtype=self.dtype)
        return self._samplers[folder]

    def answerer(self, folder: Path) -> Sampler:
        """Who samples for training: this process, or the home the recipe names, with these weights on it."""
        local = self.local(folder)
        if self.remote is None:
            return local
        from freehold.pocket.lm.weights import WEIGHTS_FILE

        asyncio.run(self.remote.publisher.publish((folder / WEIGHTS_FILE).resolve(), local.digest))
        return self.remote.sampler

    def staleness(self) -> dict[str, float]:
        """What to log of samples made with old weights; nothing where nothing can be stale."""
        return {"stale": float(self.remote.stale)} if self.remote is not None else {}

    def critic(self) -> tuple[Sampler, Digest | str]:
        """Who judges, and by which weights: the base in this process, or the home the recipe names."""
        if self._judge is not None:
            return self._judge.sampler, self.recipe.feedback.critic
        local = self.local(self.base)
        return local, local.digest

    def ask(self, sampler: Sampler, requests: Sequence[SampleRequest], role: str) -> Sequence[Sample]:
        with self.meter(role, sampler):
            return asyncio.run(_patient(sampler, requests))

    def scores(self, sampler: Sampler, items: Sequence[ScoreRequest], role: str) -> Scores | NotSupported:
        with self.meter(role, sampler):
            return asyncio.run(sampler.score(items))

    # what is drawn

    def rng(self, *what: object) -> random.Random:
        """Chance that depends on the seed and on what it is for, never on what happened before."""
        return random.Random(self.seed(*what))  # noqa: S311  # reproducible on purpose

    def seed(self, *what: object) -> int:
        text = "/".join(str(part) for part in (self.recipe.run.seed, *what))
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:7], "big")

    def principle(self, *what: object) -> tuple[str, Principle]:
        """One principle, drawn by weight."""
        names = list(self.constitution.principles)
        weights = [self.constitution.principles[name].weight for name in names]
        name = self.rng("principle", *what).choices(names, weights)[0]
        return name, self.constitution.principles[name]

    # what it cost, and who is told

    @contextmanager
    def meter(self, role: str, sampler: object = None) -> Iterator[None]:
        """Charge the time, and the work of a local sampler, to a role."""
        work = getattr(sampler, "work", None)
        flops, tokens = (work.flops, work.read_tokens + work.written_tokens) if work else (0, 0)
        start_ns = self._clock.monotonic_ns()
        yield
        seconds = (self._clock.monotonic_ns() - start_ns) / 1e9
        if work:
            flops, tokens = work.flops - flops, work.read_tokens + work.written_tokens - tokens
        self.charge(role, Cost(flops=flops, seconds=seconds, tokens=tokens))

    def charge(self, role: str, cost: Cost) -> None:
        self._costs[role] = self._costs.get(role, Cost()).plus(cost)

    def happened(
        self, kind: Happening, stage: str = "", step: int = 0, total: int = 0, *,
        values: Mapping[str, float] | None = None, text: str = "",
    ) -> None:  # fmt: skip
        """Write it down with what it cost since the last time, and tell who watches."""
        costs, self._costs = self._costs, {}
        event = Happened(
            kind=kind, time_ns=self._clock.now_ns(), stage=stage, step=step, total=total,
            values=dict(values or {}), cost=costs, text=text,
        )  # fmt: skip
        self.folder.append(event)
        self._show(event)

    def now_ns(self) -> int:
        return self._clock.now_ns()

    def record_step(self, stage: str, step: int, weights: Digest | None, measures: Mapping[str, float],
                    flops: Mapping[str, int]) -> None:  # fmt: skip
        """One `step` record: a stage that finished, or a checkpoint that was measured."""
        now_ns = self._clock.now_ns()
        self.record(
            StepRecord(
                id=ulid(now_ns), time_ns=now_ns, run=self.header.run, stage=stage, step=step, weights=weights,
                constitution=self.header.constitution, flops=dict(flops),
                measures_ppm={name: round(value * 1_000_000) for name, value in measures.items()},
                useful_flops=flops.get("policy"),
            )
        )  # fmt: skip

    def record(self, entry: Any) -> None:
        if self._recorder is not None:
            self._recorder.record(entry)


async def _patient(sampler: Sampler, requests: Sequence[SampleRequest]) -> Sequence[Sample]:
    """A home may hiccup; one that is gone stops the run, which then resumes where it was."""
    for attempt in range(SAMPLER_TRIES):
        try:
            return await sampler.sample(requests)
        except (OSError, TimeoutError) as error:
            last = error
            await asyncio.sleep(0.2 * attempt)
    raise UnavailableError(
        "the sampling home does not answer",
        why=f"{SAMPLER_TRIES} tries; the last one: {last}",
        fix="start it again, then: freehold align resume RUN",
        code="align.sampler-away",
    )


def in_chunks(
    run: Run, stage: str, name: str, items: Sequence[T], size: int,
    make: Callable[[int, Sequence[T]], tuple[list[dict[str, Any]], dict[str, float]]],
) -> None:  # fmt: skip
    """One row for each item, `size` items at a time; a chunk that is not whole is made again, the same."""
    file = f"rows/{name}.jsonl"
    there = run.folder.lines(file)
    if there < len(items):
        there -= there % size
    run.folder.trim(file, there)
    for first in range(there, len(items), size):
        rows, values = make(first // size, items[first : first + size])
        run.folder.append_lines(file, rows)
        run.happened("progress", stage, min(first + size, len(items)), len(items), values=values)
