from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from bench.gateway import pieces_of
from bench.gateway_pieces import C32, GOALS, ORDER, Figure, Piece, Pieces, Row, load_all, page, verdict
from bench.harness import Environment

WHERE = Environment(
    cpu="a CPU", cores=2, kernel="6", interpreter="python", python="3.11.7", build="PGO no", commit="abc123",
    date="2026-11-20", command="python -m bench.gateway", load_1min=0.1, score_ms=70.0,
)  # fmt: skip


def row(gateway: str, per_second: float, cpu_us: float | None, case: str = C32) -> Row:
    return Row(
        case=case, gateway=gateway, unit="request", rounds=3, per_second=per_second, per_second_min=1.0,
        per_second_max=2.0, cpu_us=cpu_us, cpu_us_min=1.0, cpu_us_max=2.0, p50_ms=0.5, p99_ms=1.0, errors=0,
        peak_mb=40.0,
    )  # fmt: skip


def piece(name: str, **fields: object) -> Piece:
    return Piece(name=name, environment=WHERE, **fields)  # type: ignore[arg-type]  # passed on as given


def goal(what: str) -> float | None:
    rows = (row("nginx", 1000, 20.0), row("freehold", 600, 35.0), row("direct", 3000, None))
    line = next(one for one in GOALS if one.what == what)
    return line.of(Pieces({"plain": piece("plain", rows=rows)}))


def test_goal_is_a_ratio_of_two_contenders_of_one_case() -> None:
    assert goal("calls/s against nginx, records to null") == 0.6
    assert goal("CPU per call against nginx") == 1.75


@pytest.mark.parametrize("what", ["calls/s against LiteLLM", "rescue adds: reset", "memory per worker"])
def test_goal_of_what_was_not_measured_is_not_known(what: str) -> None:
    assert goal(what) is None


@pytest.mark.parametrize(
    ("value", "said"), [(None, "not measured"), (0.49, "missed"), (0.5, "must"), (0.65, "goal")]
)
def test_verdict_where_more_is_better(value: float | None, said: str) -> None:
    assert verdict(GOALS[0], value) == said


@pytest.mark.parametrize(("value", "said"), [(2.1, "missed"), (2.0, "must"), (1.5, "goal")])
def test_verdict_where_less_is_better(value: float, said: str) -> None:
    assert verdict(GOALS[2], value) == said


def test_page_says_of_each_piece_where_it_was_measured_and_what_is_absent() -> None:
    other = msgspec.structs.replace(WHERE, commit="def456")
    figure = Figure(what="noticed after", unit="calls", samples=5, median=8, least=8, most=9)
    made = {
        "plain": piece("plain", rows=(row("nginx", 10, 1.0),), left_out=("litellm did not start",)),
        "grey": Piece(name="grey", environment=other, figures=(figure,)),
    }
    text = page(made)
    assert "`abc123`" in text and "`def456`" in text
    assert "left out: litellm did not start" in text
    assert "Not measured yet: bodies, tls, translated" in text
    assert "| a home three times slower is noticed | 30 calls | 15 calls | 8.00 calls | goal |" in text


def test_contender_without_a_process_has_no_cpu_figure() -> None:
    text = page({"plain": piece("plain", rows=(row("nginx", 10, 1.0), row("direct", 20, None)))})
    assert "| direct | 20 (1 - 2) | - | - |" in text


def test_pieces_are_read_back_as_they_were_saved(tmp_path: Path) -> None:
    made = piece("plain", rows=(row("nginx", 10, 1.0),))
    (tmp_path / "plain.json").write_bytes(msgspec.json.encode(made))
    assert load_all(tmp_path) == {"plain": made}


def test_unknown_piece_is_refused_with_those_there_are() -> None:
    assert pieces_of("plain,grey") == ["plain", "grey"]
    with pytest.raises(Exception, match=f"there are {', '.join(ORDER)}"):
        pieces_of("plain,gray")
