from __future__ import annotations

import math
from pathlib import Path

import pytest

from freehold.errors import InputError
from freehold.plan.perf.constants import packaged
from freehold.plan.perf.evidence import Measurement, calibrated, keep_measurements, load_measurements
from freehold.plan.perf.predict import Work, predict
from freehold.plan.perf.shape import shape_of
from tests.plan.perf.test_predict import CHIPS

WORK = Work(kind="batch", precision="fp8")


def seen(tokens_per_s: float, silicon: str = "h200") -> Measurement:
    return Measurement(
        silicon=silicon, model="llama-3.3-70b", work=WORK, chips=2, tokens_per_s=tokens_per_s,
        source="a test", as_of="2026-01-01",
    )  # fmt: skip


def said(constants: object, silicon: str = "h200") -> float:
    shape = shape_of("llama-3.3-70b")
    return predict(shape, WORK, CHIPS[silicon], constants, chips=2).tokens_per_s or 0.0  # type: ignore[arg-type]


def test_measurements_move_the_prediction_towards_them() -> None:
    before = said(packaged())
    after = said(calibrated(packaged(), [seen(before * 2)] * 5, CHIPS))
    assert 1.8 * before < after < 2.0 * before


def test_one_measurement_moves_less_than_many() -> None:
    before = said(packaged())
    one = said(calibrated(packaged(), [seen(before * 2)], CHIPS))
    many = said(calibrated(packaged(), [seen(before * 2)] * 20, CHIPS))
    assert before < one < many


def test_measured_chip_is_surer_than_one_that_was_not() -> None:
    found = calibrated(packaged(), [seen(1000.0, "gb200")], CHIPS)
    assert found.speed("gb200", "cuda", "serve")[1] <= packaged().speed("gb200", "cuda", "serve")[1]
    assert "own measurements" in found.speed("gb200", "cuda", "serve")[2]


def test_absurd_measurement_is_bounded() -> None:
    after = calibrated(packaged(), [seen(1e12)] * 100, CHIPS)
    assert after.factors["h200/serve"].log_mean < 3.2
    assert math.isfinite(said(after))


def test_measurement_of_unknown_silicon_is_an_error() -> None:
    with pytest.raises(InputError) as caught:
        calibrated(packaged(), [seen(1.0, "abacus")], CHIPS)
    assert caught.value.code == "plan.unknown-silicon"


def test_measurements_are_kept_and_read_back(tmp_path: Path) -> None:
    path = tmp_path / "state" / "measurements.json"
    keep_measurements(path, [seen(1.0), seen(2.0)])
    assert load_measurements(path) == [seen(1.0), seen(2.0)]
    assert load_measurements(tmp_path / "none.json") == []


def test_damaged_measurements_are_an_error_with_a_way_out(tmp_path: Path) -> None:
    path = tmp_path / "measurements.json"
    path.write_text("{")
    with pytest.raises(InputError) as caught:
        load_measurements(path)
    assert caught.value.code == "plan.bad-measurements"
