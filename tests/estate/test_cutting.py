"""The answer to `cuts`: order, likelihood, downtime, and the words that say how far it can be trusted."""

from __future__ import annotations

import pytest

from freehold.errors import InputError
from freehold.estate.cutting import Cuts, cuts_of
from freehold.estate.graph import graph_of
from tests.estate.conftest import Read

TEXT = """\
[services.often]
outages_per_year = 10
hours_per_outage = 1
[services.seldom]
outages_per_year = 1
hours_per_outage = 1
[homes.a]
vendor = "v"
chips = 1
catalog = false
needs = ["often", "seldom"]
[workloads.w]
homes = ["a"]
"""


def cuts(read: Read, text: str, **more: float) -> Cuts:
    estate, _ = read(text)
    return cuts_of(estate, graph_of(estate), "w", size_max=3, cap=100, **more)  # type: ignore[arg-type]


def test_likeliest_single_point_comes_first_and_unknown_last(read: Read) -> None:
    found = cuts(read, TEXT)
    assert [line.classes[0][0] for line in found.groups] == ["often", "seldom", "home.a", "operator.v"]
    assert found.groups[2].likelihood is None


def test_downtime_with_unknown_rates_is_called_a_floor(read: Read) -> None:
    found = cuts(read, TEXT).downtime
    assert found.exact and found.without_rate == 2 and "floor" in found.words
    assert found.hours_low == pytest.approx(11, rel=0.01)
    assert "independent" in found.words


def test_assumed_rates_fill_only_what_nobody_stated(read: Read) -> None:
    found = cuts(read, TEXT, rate=2.0, hours=1.0).downtime
    assert found.without_rate == 0 and found.hours_low == pytest.approx(15, rel=0.01)


def test_downtime_without_any_rate_is_unknown(read: Read) -> None:
    text = TEXT.replace("outages_per_year", "# outages_per_year")
    found = cuts(read, text).downtime
    assert found.hours_low is None and "unknown" in found.words


def test_listing_is_capped_and_says_how_many_are_left_out(read: Read) -> None:
    estate, _ = read(TEXT)
    found = cuts_of(estate, graph_of(estate), "w", size_max=3, cap=1)
    assert len(found.groups) == 1 and found.left_out == 3 and found.counts["1"] == 4


def test_unknown_workload_suggests_the_nearest(read: Read) -> None:
    estate, _ = read(TEXT)
    with pytest.raises(InputError) as caught:
        cuts_of(estate, graph_of(estate), "ww", size_max=3, cap=1)
    assert caught.value.code == "estate.no-such-workload" and "'w'" in caught.value.fix
