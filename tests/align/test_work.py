# environment: align
"""What the stages share: a home that hiccups, one that is gone, and rows that come in chunks."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from freehold.align.run import begin, carry_on
from freehold.align.work import in_chunks
from freehold.errors import UnavailableError
from freehold.types.contracts import Publisher, Sampler
from freehold.types.names import Digest
from freehold.types.sampling import NotSupported, Sample, SampleRequest, ScoreRequest, Scores
from freehold.watch.runlog import RunLog
from tests.align.test_run import recipe


class Flaky:
    """A sampling home that fails `failures` times in a row from its `after`th call on."""

    def __init__(self, failures: int, after: int = 0) -> None:
        self.failures, self.after = failures, after
        self.calls = self.stale = 0
        self.sampler: Sampler = self
        self.publisher: Publisher = self

    async def sample(self, requests: Sequence[SampleRequest]) -> Sequence[Sample]:
        self.calls += 1
        if self.calls > self.after and self.failures > 0:
            self.failures -= 1
            raise ConnectionResetError("it hung up")
        return [Sample(text="To do it, take it.") for _ in requests]

    async def score(self, items: Sequence[ScoreRequest]) -> Scores | NotSupported:
        return NotSupported(why="no log-probabilities here")

    async def publish(self, weights: Path, digest: Digest) -> None:
        return None


def begun(folder: Path) -> Path:
    path = recipe(folder, lambda text: text.replace("[sample]", '[sample]\nsampler = "http://there"'))
    begin(path, folder / "run")
    return folder / "run"


def test_run_waits_out_a_home_that_hiccups(tmp_path: Path) -> None:
    run = begun(tmp_path)
    carry_on(run, only="sample", make_remote=lambda url: Flaky(failures=2))
    assert len(list(RunLog(run).rows("samples"))) == 26


def test_run_stops_at_a_home_that_is_gone_and_goes_on_where_it_was(tmp_path: Path) -> None:
    run = begun(tmp_path)
    with pytest.raises(UnavailableError) as caught:
        carry_on(run, only="sample", make_remote=lambda url: Flaky(failures=99, after=2))
    assert caught.value.code == "align.sampler-away"
    kept = list(RunLog(run).rows("samples"))
    assert len(kept) == 16
    second = Flaky(failures=0)
    carry_on(run, only="sample", make_remote=lambda url: second)
    assert list(RunLog(run).rows("samples"))[:16] == kept
    assert second.calls == 2


def test_chunk_that_is_not_whole_is_made_again(tmp_path: Path) -> None:
    begin(recipe(tmp_path), tmp_path / "run")
    run = carry_on(tmp_path / "run", only="sample")
    path = run.folder.path / "rows" / "x.jsonl"
    path.write_bytes(b'{"n":0}\n{"n":1}\n{"n":2}\n{"n"')
    made: list[int] = []

    def make(chunk: int, items: Sequence[int]) -> tuple[list[dict[str, int]], dict[str, float]]:
        made.append(chunk)
        return [{"n": item} for item in items], {}

    in_chunks(run, "sample", "x", range(5), 2, make)
    assert made == [1, 2]
    assert [row["n"] for row in RunLog(tmp_path / "run").rows("x")] == [0, 1, 2, 3, 4]
