from __future__ import annotations

import msgspec
import pytest

from freehold.estate.catalog import load
from freehold.plan.perf.align import AlignPrediction, moved, predict_align
from freehold.plan.perf.constants import packaged
from freehold.plan.prices import cheapest
from freehold.types.sampling import AlignShape, RoleLoad
from tests.plan.perf.test_predict import CHIPS

PRICES = cheapest(load().offers, load().silicon)
SHAPE = AlignShape(
    roles=(
        RoleLoad(role="policy", model="llama-3.1-8b", input_ratio=4, output_ratio=2),
        RoleLoad(role="judge", model="llama-3.3-70b", input_ratio=6, output_ratio=0.2),
        RoleLoad(role="trainer", model="llama-3.1-8b", input_ratio=0, output_ratio=0, train_ratio=3),
    ),
    policy_tokens=100_000_000,
    weight_syncs=10,
)


def found(shape: AlignShape = SHAPE) -> AlignPrediction:
    made = predict_align(shape, CHIPS, PRICES, packaged())
    assert isinstance(made, AlignPrediction)
    return made


def test_align_gives_each_role_a_chip_and_the_sum() -> None:
    made = found()
    assert {role.role for role in made.roles} == {"policy", "judge", "trainer"}
    assert made.usd == pytest.approx(sum(role.usd for role in made.roles) + made.moving_usd)
    assert made.usd_low < made.usd < made.usd_high


def test_align_pair_is_the_cheapest_with_the_weights_way() -> None:
    made = found()
    weights_gb = 2 * 8.03
    for one in made.alternatives["trainer"]:
        for other in made.alternatives["policy"]:
            judge = next(role.usd for role in made.roles if role.role == "judge")
            total = one.usd + other.usd + judge + moved(SHAPE, weights_gb, one, other)[0]
            assert made.usd <= total + 1e-6


def test_align_with_many_syncs_keeps_trainer_and_policy_together() -> None:
    made = found(msgspec.structs.replace(SHAPE, weight_syncs=1_000_000))
    places = {(role.vendor, role.region) for role in made.roles if role.role in ("policy", "trainer")}
    assert len(places) == 1
    assert made.moving_hours > 0


def test_align_never_uses_a_chip_without_a_price() -> None:
    made = found()
    assert "trainium2" in made.unknown
    assert all(plan.silicon != "trainium2" for plans in made.alternatives.values() for plan in plans)


def test_align_of_a_role_that_fits_nowhere_says_which() -> None:
    priced = {"l4": next(iter(PRICES.values()))}
    huge = AlignShape(
        roles=(RoleLoad(role="trainer", model="gpt-3-175b", input_ratio=0, output_ratio=0, train_ratio=1),),
        policy_tokens=1000,
    )
    tiny = msgspec.structs.replace(CHIPS["l4"], memory_gb=1.0)
    said = predict_align(huge, {"l4": tiny}, priced, packaged())
    assert isinstance(said, str)
    assert "trainer" in said
