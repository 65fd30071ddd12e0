from __future__ import annotations

import random
from pathlib import Path

import pytest

from freehold.cli.live.arrivals import LENGTHS, as_recorded, by_chance, read_trace, schedule
from freehold.errors import InputError
from freehold.types.names import WorkloadId

A, B = WorkloadId("a"), WorkloadId("b")
TRACE = (
    "TIMESTAMP,ContextTokens,GeneratedTokens\r\n"
    "2023-11-16 18:17:03.9799600,4808,10\r\n2023-11-16 18:17:04.4799600,3180,8\r\n"
    "2023-11-16 18:17:06.9799600,1,700"
)


def test_trace_is_read_and_squeezed_into_our_time(tmp_path: Path) -> None:
    file = tmp_path / "trace.csv"
    file.write_text(TRACE)
    rows = read_trace(file)
    assert [tokens for _, tokens in rows] == [10, 8, 700]
    assert as_recorded(rows, 3, 3.0) == [(0.0, 10), (pytest.approx(1 / 3), 10), (pytest.approx(2.0), 60)]


@pytest.mark.parametrize(
    "text", ["", "a,b\r\n1,2", "TIMESTAMP,GeneratedTokens\r\nyesterday,3", TRACE[:39], "\0\xff"]
)
def test_file_that_is_no_trace_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "trace.csv"
    file.write_text(text, encoding="latin-1")
    with pytest.raises(InputError) as caught:
        read_trace(file)
    assert caught.value.code == "cli.bad-trace"


def test_published_trace_is_read(shared_data: Path) -> None:
    rows = read_trace(shared_data / "traces" / "AzureLLMInferenceTrace_code.csv")
    made = as_recorded(rows, 400, 20.0)
    assert (len(rows), len(made)) == (8819, 400)
    assert all(0 <= at < 20 and tokens in LENGTHS for at, tokens in made)


def test_arrivals_by_chance_repeat_with_their_seed() -> None:
    made = by_chance(50, 10.0, random.Random(1))
    assert made == by_chance(50, 10.0, random.Random(1)) != by_chance(50, 10.0, random.Random(2))
    assert [at for at, _ in made] == sorted(at for at, _ in made)


def test_calls_are_shared_by_demand_and_grow_where_everybody_comes_back() -> None:
    arrivals = by_chance(2000, 10.0, random.Random(1))
    made = schedule(
        arrivals, {A: 3.0, B: 1.0}, lambda workload, at: 2.5 if at >= 5 else 1.0, random.Random(1)
    )
    early, late = [one for one in made if one.at_s < 5], [one for one in made if one.at_s >= 5]
    assert 0.7 < sum(one.workload == A for one in made) / len(made) < 0.8
    assert 2.2 < len(late) / len(early) < 2.8
