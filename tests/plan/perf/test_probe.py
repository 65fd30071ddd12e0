from __future__ import annotations

from collections.abc import Sequence

import pytest

from freehold.clock import FakeClock
from freehold.errors import UnavailableError
from freehold.plan.perf.observed import Behind
from freehold.plan.perf.probe import probe
from freehold.types.conversation import Usage
from freehold.types.sampling import NotSupported, Sample, SampleRequest, ScoreRequest

BEHIND = Behind(silicon="h100", chips=1, model="llama-3.1-8b")


class Steady:
    """A sampler that takes two seconds and counts its tokens, or does not."""

    def __init__(self, clock: FakeClock, output: int | None) -> None:
        self.clock, self.output = clock, output

    async def sample(self, requests: Sequence[SampleRequest]) -> Sequence[Sample]:
        self.clock.advance(2.0)
        return [Sample(text="x", usage=Usage(fresh=20, output=self.output)) for _ in requests]

    async def score(self, items: Sequence[ScoreRequest]) -> NotSupported:
        return NotSupported(why="not here")


async def test_probe_measures_tokens_per_second_of_all_together() -> None:
    clock = FakeClock()
    found = await probe(Steady(clock, 100), BEHIND, clock, at_once=8)
    assert found.tokens_per_s == pytest.approx(400)
    assert found.work.batch == 8
    assert found.silicon == "h100"


async def test_probe_of_a_home_that_does_not_count_is_an_error() -> None:
    clock = FakeClock()
    with pytest.raises(UnavailableError) as caught:
        await probe(Steady(clock, None), BEHIND, clock)
    assert caught.value.code == "plan.probe-empty"
