"""Every key that tomllib finds has a line, and it is the right one."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.config.lines import MAX_DEPTH, KeyPath, TooDeepError, key_lines

BARE = st.text(alphabet="abcXYZ019_-", min_size=1, max_size=6)
TEXT = st.text(alphabet=st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=8)
PLAIN = st.one_of(
    st.integers(-(10**9), 10**9).map(str),
    st.sampled_from(["true", "false", "1.5", "-inf", "1979-05-27 07:32:00Z", "2026-01-31", "0xff", "'a]b'"]),
    st.sampled_from(
        ['"""\na = 1\n[b]\n"" \\""""', "'''\n[[x]]\n'''''", '"a\\"b#[{"', '""', "''", '"""x"""""']
    ),
    TEXT.map(json.dumps),
)


KEYS = st.one_of(BARE, TEXT.map(json.dumps), BARE.map(json.dumps), BARE.map(lambda word: f"'{word}'"))
DOTTED = st.lists(KEYS, min_size=1, max_size=3).map(" . ".join)
GAP = st.sampled_from(["", " ", "\n", ' # note ] } "\n', "\n\n\t"])


@st.composite
def arrays(draw: Any, inner: st.SearchStrategy[str]) -> str:
    words = [draw(GAP) + item + draw(GAP) for item in draw(st.lists(inner, max_size=3))]
    trailing = "," if words and draw(st.booleans()) else ""
    return "[" + ",".join(words) + trailing + draw(GAP) + "]"


@st.composite
def inline_tables(draw: Any, inner: st.SearchStrategy[str]) -> str:
    pairs = [f"{draw(DOTTED)} = {value}" for value in draw(st.lists(inner, max_size=3))]
    return "{ " + ", ".join(pairs) + " }"


VALUES = st.recursive(PLAIN, lambda inner: st.one_of(arrays(inner), inline_tables(inner)), max_leaves=6)
PAIR = st.tuples(DOTTED, VALUES).map(lambda pair: f"{pair[0]} = {pair[1]}")
LINE = st.one_of(
    PAIR,
    DOTTED.map(lambda name: f"[{name}]"),
    DOTTED.map(lambda name: f"[[ {name} ]]"),
    st.just("# x"),
    st.just(""),
)


def paths(table: Any, path: KeyPath = ()) -> Iterator[KeyPath]:
    inside = table.items() if isinstance(table, dict) else enumerate(table) if isinstance(table, list) else ()
    for name, value in inside:
        yield (*path, name)
        yield from paths(value, (*path, name))


def parsed_prefix(lines: list[str]) -> tuple[str, dict[str, Any]]:
    """The lines that TOML accepts together: those that clash with earlier ones are dropped."""
    text, table = "", {}
    for line in lines:
        try:
            table = tomllib.loads(f"{text}{line}\n")
        except tomllib.TOMLDecodeError:
            continue
        text = f"{text}{line}\n"
    return text, table


@given(st.lists(LINE, max_size=12))
def test_scanner_finds_exactly_the_keys_that_tomllib_finds(lines: list[str]) -> None:
    text, table = parsed_prefix(lines)
    found = key_lines(text)
    assert set(found) == set(paths(table))
    assert all(1 <= line <= text.count("\n") + 1 for line in found.values())


@given(st.lists(LINE, max_size=8))
def test_scanner_names_a_line_that_holds_the_key(lines: list[str]) -> None:
    text, _ = parsed_prefix(lines)
    for path, line in key_lines(text).items():
        if isinstance(path[-1], str):
            rest = text.split("\n", line - 1)[-1].split("\n")[0]
            assert path[-1] in rest or json.dumps(path[-1])[1:-1] in rest


@given(st.text(max_size=60))
def test_scanner_ends_on_any_text(text: str) -> None:
    assert isinstance(key_lines(text), dict)


def test_scanner_counts_lines_past_multi_line_values() -> None:
    text = 'a = """\nx\ny"""\nb = [\n  1, # one\n  2,\n]\n[t]\nc = 1\n'
    lines = key_lines(text)
    assert (lines[("b",)], lines[("b", 1)], lines[("t", "c")]) == (4, 6, 9)


def test_scanner_counts_lines_past_carriage_returns() -> None:
    assert key_lines("a = 1\r\n\r\n[b]\r\nc = 2\r\n")[("b", "c")] == 4


def test_scanner_puts_tables_inside_the_newest_array_element() -> None:
    lines = key_lines("[[a]]\nx = 1\n[[a]]\n[a.b]\ny = 2\n")
    assert (lines[("a", 0, "x")], lines[("a", 1, "b", "y")]) == (2, 5)


def test_scanner_reads_escapes_in_quoted_keys() -> None:
    assert key_lines('"a\\u00e9\\n" = 1\n') == {("aé\n",): 1}


@pytest.mark.parametrize(
    "text",
    [
        ".".join("a" * 400_000) + " = 1",
        "x = " + "[" * 400_000,
        "x = " + "{a=" * 400_000,
        "[" + "a." * 99 + "a]",
    ],
)
def test_scanner_stops_at_deep_nesting(text: str) -> None:
    with pytest.raises(TooDeepError):
        key_lines(text)


def test_scanner_allows_nesting_up_to_the_limit() -> None:
    name = ".".join("a" * MAX_DEPTH)
    assert len(key_lines(f"{name} = 1\n")) == MAX_DEPTH
