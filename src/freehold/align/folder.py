"""Writing the run folder (its format: `freehold.watch.runlog`). Whole lines, whole files, or nothing."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from freehold.align.disk import disk_error
from freehold.errors import InputError
from freehold.pocket.lm.weights import digest_of
from freehold.watch.runlog import Answered, Evaluation, Happened, Header, RunLog, StageDone


class RunFolder:
    """One run's folder, opened for writing by its one process."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.checkpoints = path / "checkpoints"

    @classmethod
    def create(cls, path: Path, header: Header, recipe: bytes, constitution: bytes) -> RunFolder:
        if path.exists() and any(path.iterdir()):
            raise InputError(
                f"{path} is not empty",
                why="a run writes a folder of its own",
                fix=f"freehold align resume {path}, or name another folder with --out",
                code="align.folder-taken",
            )
        made = cls(path)
        try:
            for name in ("stages", "rows", "checkpoints", "evaluations"):
                (path / name).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise disk_error(path, error) from error
        made.write("recipe.toml", recipe)
        made.write("constitution.toml", constitution)
        made.write_json("run.json", header)  # last: a folder with a header is whole
        return made

    def log(self) -> RunLog:
        return RunLog(self.path)

    def append(self, event: Happened) -> None:
        self.append_lines("events.jsonl", [event])

    def append_lines(self, name: str, lines: Sequence[Any]) -> None:
        """Whole lines, synced. After a failure the file is cut back to what it was."""
        path = self.path / name
        data = b"".join(msgspec.json.encode(line) + b"\n" for line in lines)
        try:
            with path.open("ab") as file:
                before = file.tell()
                try:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
                except OSError:
                    os.truncate(path, before)
                    raise
        except OSError as error:
            raise disk_error(path, error) from error

    def trim(self, name: str, lines: int) -> None:
        """Keep the first `lines` whole lines: a chunk that was cut off by a crash is made again."""
        path = self.path / name
        if not path.is_file():
            return
        end = 0
        with path.open("rb") as file:
            for _ in range(lines):
                end += len(file.readline())
        os.truncate(path, end)

    def lines(self, name: str) -> int:
        """How many whole lines are there."""
        path = self.path / name
        if not path.is_file():
            return 0
        with path.open("rb") as file:
            return sum(line.endswith(b"\n") for line in file)

    def write(self, name: str, data: bytes) -> None:
        """A whole file, by rename."""
        path = self.path / name
        making = path.with_name(f".{path.name}.making")
        try:
            with making.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            making.replace(path)
        except OSError as error:
            making.unlink(missing_ok=True)
            raise disk_error(path, error) from error

    def write_json(self, name: str, value: Any) -> None:
        self.write(name, msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n")

    def evaluation(self, found: Evaluation, answers: Sequence[Answered]) -> None:
        data = b"".join(msgspec.json.encode(answer) + b"\n" for answer in answers)
        self.write(f"evaluations/{found.checkpoint}.jsonl", data)
        self.write_json(f"evaluations/{found.checkpoint}.json", found)

    def finish_stage(self, stage: str, time_ns: int, made: Sequence[str], facts: dict[str, str]) -> None:
        digests = {name: digest_of(self.path / name) for name in made}
        self.write_json(
            f"stages/{stage}.json", StageDone(stage=stage, time_ns=time_ns, made=digests, facts=facts)
        )

    def stage_done(self, stage: str) -> bool:
        return (self.path / "stages" / f"{stage}.json").is_file()

    def checkpoint(self, name: str) -> Path:
        return self.checkpoints / name

    def sweep(self) -> None:
        """Remove what a crash left half made."""
        for folder in (self.path, *(p for p in self.path.iterdir() if p.is_dir())):
            for left in folder.glob(".*.making"):
                shutil.rmtree(left, ignore_errors=True) if left.is_dir() else left.unlink(missing_ok=True)
