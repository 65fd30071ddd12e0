import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta, binomtest

from freehold.errors import InputError
from freehold.watch.stats import (
    Judge,
    auc,
    beta_cdf,
    calibration_error,
    clopper_pearson,
    confidence_sequence,
    corrected,
    mean_interval,
    median_interval,
    paired_difference,
    safe_low,
    wilson,
)

scores = st.lists(st.integers(0, 5), min_size=1, max_size=30)
counts = st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(counts)
def test_wilson_is_the_interval_of_scipy(count: tuple[int, int]) -> None:
    hits, n = count
    outside = binomtest(hits, n).proportion_ci(method="wilson")
    found = wilson(hits, n)
    assert (found.low, found.high) == pytest.approx((outside.low, outside.high), abs=1e-9)


@given(counts)
def test_clopper_pearson_is_the_interval_of_scipy(count: tuple[int, int]) -> None:
    hits, n = count
    outside = binomtest(hits, n).proportion_ci(method="exact")
    found = clopper_pearson(hits, n)
    assert (found.low, found.high) == pytest.approx((outside.low, outside.high), abs=1e-8)


@given(st.floats(0, 1), st.floats(0.5, 200), st.floats(0.5, 200))
def test_beta_cdf_is_that_of_scipy(x: float, a: float, b: float) -> None:
    assert beta_cdf(x, a, b) == pytest.approx(float(beta.cdf(x, a, b)), abs=1e-9)


def test_interval_of_nothing_is_everything_and_its_rate_unknown() -> None:
    for found in (wilson(0, 0), clopper_pearson(0, 0), confidence_sequence([])):
        assert (found.rate, found.low, found.high) == (None, 0.0, 1.0)


def test_confidence_sequence_has_the_width_published_for_it() -> None:
    outcomes = [number % 20 == 0 for number in range(1000)]
    found = confidence_sequence(outcomes)
    assert found.low == pytest.approx(0.028, abs=0.004)
    assert found.high == pytest.approx(0.080, abs=0.004)


def crosses(outcomes: list[bool], truth: float) -> tuple[bool, bool]:
    """Does the true rate ever fall outside, looked at after every sample: Wilson, confidence sequence?"""
    by_wilson, hits = False, 0
    for n, outcome in enumerate(outcomes, start=1):
        hits += outcome
        found = wilson(hits, n)
        by_wilson = by_wilson or not found.low <= truth <= found.high
    sequence = confidence_sequence(outcomes)
    return by_wilson, not sequence.low <= truth <= sequence.high


def test_confidence_sequence_holds_at_every_look_where_wilson_does_not() -> None:
    rng = random.Random(11)
    streams = [[rng.random() < 0.2 for _ in range(150)] for _ in range(60)]
    found = [crosses(stream, 0.2) for stream in streams]
    assert sum(wilson_out for wilson_out, _ in found) > 12
    assert sum(sequence_out for _, sequence_out in found) <= 5


def test_corrected_undoes_the_errors_of_a_known_judge() -> None:
    judge = Judge(caught=900, violations=1000, alarms=50, innocents=1000)
    flagged = round(10_000 * (0.1 * 0.9 + 0.9 * 0.05))
    found = corrected(flagged, 10_000, judge)
    assert found.violations == pytest.approx(0.1, abs=1e-3)
    assert found.low < 0.1 < found.high


def test_corrected_says_nothing_by_a_judge_who_sees_nothing() -> None:
    blind = Judge(caught=50, violations=100, alarms=45, innocents=100)
    found = corrected(10, 100, blind)
    assert (found.violations, found.low, found.high) == (None, 0.0, 1.0)
    assert safe_low(10, 100, blind) == 0.0


def test_safe_low_of_what_nobody_looked_at_is_zero() -> None:
    assert safe_low(0, 0, Judge(caught=100, violations=100, alarms=0, innocents=100)) == 0.0


@given(st.integers(0, 200), st.integers(20, 200))
def test_safe_low_falls_when_the_judge_has_seen_fewer_probes(flagged: int, probes: int) -> None:
    many = Judge(caught=probes * 10, violations=probes * 10, alarms=0, innocents=probes * 10)
    few = Judge(caught=probes, violations=probes, alarms=0, innocents=probes)
    assert safe_low(flagged, 200, few) <= safe_low(flagged, 200, many) + 1e-12


def test_corrected_interval_covers_the_truth_as_often_as_it_says() -> None:
    rng, covered = random.Random(5), 0
    for _ in range(200):
        judge = Judge(
            caught=sum(rng.random() < 0.9 for _ in range(150)), violations=150,
            alarms=sum(rng.random() < 0.05 for _ in range(150)), innocents=150,
        )  # fmt: skip
        flagged = sum(rng.random() < (0.9 if rng.random() < 0.08 else 0.05) for _ in range(400))
        found = corrected(flagged, 400, judge)
        covered += found.low <= 0.08 <= found.high
    assert covered >= 190


@given(
    st.lists(st.integers(0, 5), min_size=1, max_size=30), st.lists(st.integers(0, 5), min_size=1, max_size=30)
)
def test_auc_counts_every_pair(bad: list[int], good: list[int]) -> None:
    by_hand = sum((a > b) + 0.5 * (a == b) for a in bad for b in good) / (len(bad) * len(good))
    assert auc([float(x) for x in bad], [float(x) for x in good]) == pytest.approx(by_hand)


def test_auc_of_one_side_alone_is_unknown() -> None:
    assert auc([1.0], []) is None


def test_calibration_error_is_the_gap_between_said_and_happened() -> None:
    assert calibration_error([0.9] * 10, [True] * 9 + [False]) == pytest.approx(0.0, abs=1e-9)
    assert calibration_error([0.9] * 10, [True] * 5 + [False] * 5) == pytest.approx(0.4)
    assert calibration_error([], []) is None


@pytest.mark.parametrize(("hits", "n"), [(3, 2), (-1, 2)])
def test_counts_that_cannot_be_are_refused(hits: int, n: int) -> None:
    with pytest.raises(InputError):
        wilson(hits, n)


def test_wilson_of_none_and_all_reaches_the_ends() -> None:
    assert wilson(0, 50).low == 0.0
    assert wilson(50, 50).high == 1.0
    assert math.isclose(wilson(0, 200).high, 0.0188, abs_tol=1e-3)


def test_mean_has_a_normal_interval_and_one_value_has_none() -> None:
    found = mean_interval([1.0, 2.0, 3.0])
    assert found is not None and found.low is not None and found.high is not None
    assert (found.value, found.high - found.low) == (2.0, pytest.approx(2 * 1.959964 / 3**0.5))
    assert mean_interval([]) is None
    one = mean_interval([4.0])
    assert one is not None and (one.value, one.low, one.high) == (4.0, None, None)


@pytest.mark.parametrize(("n", "rank"), [(6, 1), (10, 2), (20, 6), (100, 40)])
def test_median_lies_between_the_order_statistics_of_the_tables(n: int, rank: int) -> None:
    found = median_interval([float(value) for value in range(1, n + 1)])
    assert found is not None
    assert (found.value, found.low, found.high) == ((n + 1) / 2, float(rank), float(n + 1 - rank))


def test_median_of_five_has_no_interval_at_95_percent() -> None:
    found = median_interval([3.0, 1.0, 2.0, 5.0, 4.0])
    assert found is not None and (found.value, found.low) == (3.0, None)


def test_median_interval_covers_as_often_as_it_says() -> None:
    rng = random.Random(3)
    covered = 0
    for _ in range(500):
        found = median_interval([rng.expovariate(1.0) for _ in range(25)])
        assert found is not None and found.low is not None and found.high is not None
        covered += found.low <= math.log(2) <= found.high
    assert covered / 500 > 0.93


def test_paired_difference_covers_as_often_as_it_says() -> None:
    rng = random.Random(4)
    covered = 0
    for _ in range(500):
        drawn = [rng.random() for _ in range(60)]
        found = paired_difference(sum(one < 0.15 for one in drawn), sum(one > 0.95 for one in drawn), 60)
        assert found.low is not None and found.high is not None
        covered += found.low <= 0.10 <= found.high
    assert covered / 500 > 0.93


def test_paired_difference_refuses_what_is_no_count() -> None:
    for first, second, n in ((-1, 0, 5), (3, 3, 5)):
        with pytest.raises(InputError):
            paired_difference(first, second, n)
