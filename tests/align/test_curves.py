from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from freehold.align.curves import Curve, chart

numbers = st.one_of(st.none(), st.floats(-1e6, 1e6))


@given(st.text(max_size=20), st.lists(numbers, max_size=30))
def test_chart_is_well_formed_whatever_is_drawn(title: str, points: list[float | None]) -> None:
    printable = "".join(letter for letter in title if letter.isprintable())
    svg = chart(printable, [Curve(label=printable, points=points)], [str(n) for n in range(len(points))])
    assert ElementTree.fromstring(svg).tag == "svg"


def test_chart_draws_a_band_where_an_interval_is_known() -> None:
    curve = Curve(label="a", points=[0.1, 0.2], low=[0.0, 0.1], high=[0.2, 0.3])
    assert "<polygon" in chart("t", [curve], ["1", "2"], top=1.0)
    assert "<polygon" not in chart("t", [Curve(label="a", points=[0.1, 0.2])], ["1", "2"])


def test_chart_leaves_out_what_was_not_measured() -> None:
    svg = chart("t", [Curve(label="a", points=[0.1, None, 0.3])], ["1", "2", "3"], top=1.0)
    assert svg.count("<circle") == 2
