from __future__ import annotations

from xml.etree import ElementTree

from freehold.plan.perf.chart import chart
from freehold.plan.perf.constants import packaged
from freehold.plan.perf.predict import Prediction, Work, predict
from freehold.plan.perf.shape import shape_of
from tests.plan.perf.test_predict import CHIPS


def predictions() -> list[Prediction]:
    prices = {"h100": 3.0, "b200": 6.0}
    shape = shape_of("llama-3.1-8b")
    return [
        predict(shape, Work(), chip, packaged(), chip_hour_usd=prices.get(id)) for id, chip in CHIPS.items()
    ]


def test_chart_is_xml_with_a_row_for_every_chip() -> None:
    text = chart("a & b", predictions())
    root = ElementTree.fromstring(text)
    words = " ".join(node.text or "" for node in root.iter() if node.tag.endswith("text"))
    assert all(id in words for id in CHIPS)
    assert "a & b" in words


def test_chart_puts_the_cheapest_first_and_the_unpriced_last() -> None:
    text = chart("x", predictions())
    assert text.index(">h100") < text.index(">b200") < text.index(">trainium2")
    assert "price unknown" in text


def test_chart_without_any_price_is_still_a_picture() -> None:
    picture = ElementTree.fromstring(chart("x", [Prediction(silicon="s", stack="", unknown="nothing known")]))
    assert picture.tag.endswith("svg")
