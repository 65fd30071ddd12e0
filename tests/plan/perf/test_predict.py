from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freehold.estate.catalog import load
from freehold.plan.perf.chip import Chip, chip_of
from freehold.plan.perf.constants import packaged
from freehold.plan.perf.predict import Work, predict
from freehold.plan.perf.shape import shape_of

CHIPS: dict[str, Chip] = {str(id): chip_of(chip) for id, chip in load().silicon.items()}
LLAMA = shape_of("llama-3.3-70b")


def test_predict_for_every_chip_either_says_a_speed_or_why_not() -> None:
    for chip in CHIPS.values():
        for kind in ("serve", "batch", "train"):
            found = predict(LLAMA, Work(kind=kind), chip, packaged(), chip_hour_usd=2.0)  # type: ignore[arg-type]  # one of three
            assert (found.tokens_per_s is None) == bool(found.unknown), chip.id
            assert found.tokens_per_s is None or found.rests_on


def test_predict_is_within_half_of_a_published_point_of_a_measured_chip() -> None:
    work = Work(kind="batch", precision="fp8", inputs=1000, outputs=1000)
    found = predict(LLAMA, work, CHIPS["h100"], packaged(), chips=2)
    assert found.tokens_per_s == pytest.approx(4205, rel=0.5)


def test_predict_without_a_price_gives_no_dollars() -> None:
    found = predict(LLAMA, Work(), CHIPS["h100"], packaged())
    assert found.tokens_per_s
    assert found.usd_per_mtok is None
    assert "price is unknown" in found.rests_on


def test_predict_without_a_disclosed_rate_says_which() -> None:
    found = predict(LLAMA, Work(kind="train", precision="bf16"), CHIPS["maia-200"], packaged())
    assert found.unknown == "its bf16 rate was not disclosed"
    assert found.tokens_per_s is None


def test_predict_on_too_few_chips_says_that_it_does_not_fit() -> None:
    found = predict(LLAMA, Work(), CHIPS["l4"], packaged(), chips=1)
    assert found.unknown == "does not fit on 1 chips"


@given(price=st.floats(0.01, 100), times=st.floats(1.1, 10))
@settings(max_examples=25)
def test_predict_dollars_follow_the_price(price: float, times: float) -> None:
    one = predict(LLAMA, Work(), CHIPS["h100"], packaged(), chip_hour_usd=price)
    other = predict(LLAMA, Work(), CHIPS["h100"], packaged(), chip_hour_usd=price * times)
    assert other.usd_per_mtok == pytest.approx((one.usd_per_mtok or 0) * times)
    assert (one.usd_per_mtok_low or 0) < (one.usd_per_mtok or 0) < (one.usd_per_mtok_high or 0)


def test_predict_speculation_is_faster_and_less_sure() -> None:
    plain = predict(LLAMA, Work(), CHIPS["h200"], packaged())
    quick = predict(LLAMA, Work(speculation=3.0), CHIPS["h200"], packaged())
    assert (quick.tokens_per_s or 0) > (plain.tokens_per_s or 0)
    assert (quick.log_spread or 0) > (plain.log_spread or 0)


def test_predict_fp8_needs_fewer_chips_than_bf16() -> None:
    bf16 = predict(LLAMA, Work(precision="bf16"), CHIPS["h100"], packaged())
    fp8 = predict(LLAMA, Work(precision="fp8"), CHIPS["h100"], packaged())
    assert (fp8.chips or 0) < (bf16.chips or 0)


def test_predict_longer_prompts_give_fewer_output_tokens() -> None:
    short = predict(LLAMA, Work(kind="batch", inputs=100), CHIPS["h200"], packaged(), chips=2)
    long = predict(LLAMA, Work(kind="batch", inputs=20_000), CHIPS["h200"], packaged(), chips=2)
    assert (long.tokens_per_s or 0) < (short.tokens_per_s or 0)


def test_predict_on_a_young_stack_nobody_measured_is_slower_than_physics() -> None:
    twin = msgspec.structs.replace(CHIPS["h100"], id="new", stack="new-stack")
    related = msgspec.structs.replace(CHIPS["h100"], id="new")
    unknown, known = (predict(LLAMA, Work(), chip, packaged()) for chip in (twin, related))
    assert (unknown.tokens_per_s or 0) < (known.tokens_per_s or 0)
    assert (unknown.log_spread or 0) >= (known.log_spread or 0)
    assert "young stacks" in unknown.rests_on
