"""Every kind of setting: what is accepted, what is refused, and what the problem says."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

import pytest

from freehold.config import Loaded, Secret
from freehold.config.walk import MAX_PROBLEMS
from freehold.errors import Problem

Check = Callable[[str], Loaded]
Problems = Callable[[str], list[Problem]]

GOOD = [
    ("word", '"abc"', "abc"),
    ("count", "9", 9),
    ("share", "1", 1.0),
    ("switch", "true", True),
    ("colour", '"green"', "green"),
    ("words", '["a", "b"]', ("a", "b")),
    ("either", '"x"', "x"),
    ("either", "7", 7),
    ("day", "2026-01-31", datetime.date(2026, 1, 31)),
    ("day", '"2026-01-31"', datetime.date(2026, 1, 31)),
    ("options", '{ a = "b" }', {"a": "b"}),
]

BAD = [
    ("word", "1", "config.type"),
    ("word", '"A"', "config.pattern"),
    ("word", '"a\\n"', "config.pattern"),
    ("word", '"abcdefghi"', "config.length"),
    ("count", "10", "config.range"),
    ("count", "-1", "config.range"),
    ("count", "true", "config.type"),
    ("count", "1.0", "config.type"),
    ("count", "99999999999999999999", "config.range"),
    ("share", "0", "config.range"),
    ("share", "nan", "config.range"),
    ("share", "inf", "config.range"),
    ("share", '"1"', "config.type"),
    ("switch", "1", "config.type"),
    ("switch", '"true"', "config.type"),
    ("colour", '"gren"', "config.choice"),
    ("colour", "1", "config.choice"),
    ("words", '"a"', "config.type"),
    ("words", '["a", 1]', "config.type"),
    ("words", '["a", "b", "c", "d"]', "config.length"),
    ("either", "1.5", "config.type"),
    ("either", "true", "config.type"),
    ("day", '"31.1."', "config.type"),
    ("day", '"2026-02-30"', "config.type"),
    ("day", "2026-01-31T00:00:00", "config.type"),
    ("wait", '"soon"', "units.duration"),
    ("wait", "30", "units.duration"),
    ("wait", '""', "units.duration"),
    ("wait", '"99999999w"', "units.duration"),
    ("room", '"64"', "units.size"),
    ("room", "64", "units.size"),
    ("room", '"99999999TiB"', "units.size"),
    ("price", "-1", "units.dollars"),
    ("price", "nan", "units.dollars"),
    ("price", '"3 USD"', "units.dollars"),
    ("price", "1e12", "units.dollars"),
    ("price", "true", "units.dollars"),
    ("url", '"ftp://x"', "config.url"),
    ("url", '"https://"', "config.url"),
    ("url", "1", "config.url"),
    ("key", '"plain"', "config.secret-literal"),
    ("key", "1", "config.secret-literal"),
    ("inner", "1", "config.type"),
    ("inner", "{ depth = 0 }", "config.range"),
    ("many", "{}", "config.type"),
    ("many", "[{ depht = 1 }]", "config.unknown-key"),
    ("options", "[]", "config.type"),
    ("options", "{ a = 1 }", "config.type"),
    ("options", '{ A = "b" }', "config.pattern"),
]


@pytest.mark.parametrize(("name", "written", "value"), GOOD)
def test_walker_accepts_and_converts(check: Check, name: str, written: str, value: object) -> None:
    assert getattr(check(f"[every]\n{name} = {written}\n").sections["every"], name) == value


def test_walker_converts_quantities_exactly(check: Check) -> None:
    every = check('[every]\nwait = "1m30s"\nroom = "1KiB"\nprice = 0.25\n').sections["every"]
    assert (every.wait.ns, every.room.bytes, every.price.nano) == (90_000_000_000, 1024, 250_000_000)


@pytest.mark.parametrize(("name", "written", "code"), BAD)
def test_walker_refuses_with_code_path_and_line(
    problems: Problems, name: str, written: str, code: str
) -> None:
    (problem,) = problems(f"# first line\n[every]\n{name} = {written}\n")
    assert (problem.code, problem.line) == (code, 3)
    assert problem.path.startswith(f"every.{name}")
    assert problem.what and problem.why and problem.fix


def test_walker_collects_every_problem_in_the_order_of_the_file(problems: Problems) -> None:
    found = problems('[named.b]\n[every]\ncount = 99\nwrod = 1\nwait = "x"\n[other]\n')
    assert [(one.code, one.line) for one in found] == [
        ("config.missing-key", 1),
        ("config.range", 3),
        ("config.unknown-key", 4),
        ("units.duration", 5),
        ("config.unknown-key", 6),
    ]


def test_walker_suggests_the_nearest_key(problems: Problems) -> None:
    (problem,) = problems("[every]\nwrod = 1\n")
    assert "'word'" in problem.why and problem.fix == "write word instead"


def test_walker_suggests_the_nearest_choice_and_lists_all(problems: Problems) -> None:
    (problem,) = problems('[every]\ncolour = "gren"\n')
    assert '"red"' in problem.why and '"green"' in problem.why and problem.fix == 'write "green"'


def test_walker_names_what_is_missing(problems: Problems) -> None:
    (problem,) = problems("[named.a]\n")
    assert problem.what == "named.a has no 'need'" and "integer" in problem.why


def test_walker_writes_paths_with_indexes_and_quotes(problems: Problems) -> None:
    found = problems('[every]\nmany = [\n {},\n {depth = 0},\n]\n[named."A b"]\nneed = 1\n')
    assert [(one.path, one.line) for one in found] == [("every.many[1].depth", 4), ('named."A b"', 6)]


def test_walker_escapes_what_would_steer_a_terminal(problems: Problems) -> None:
    (problem,) = problems('"\\u001b[2J" = 1\n')
    assert "\x1b" not in problem.render("x")


def test_walker_shortens_long_values(problems: Problems) -> None:
    (problem,) = problems(f'[every]\nword = "{"x" * 5000}"\n')
    assert len(problem.render()) < 400


SECRETS = [
    "sk-ant-api03-AAAABBBBCCCCDDDDEEEE",
    "AKIAABCDEFGHIJKLMNOP",
    "ghp_abcdefghijklmnopqrstuv",
    "https://user:hunter2hunter2@host/",
    "AIzaSyA1234567890abcdefghijklmnopqrstuv",
]


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize(
    "name", ["word", "wait", "room", "price", "url", "colour", "either", "count", "words"]
)
def test_walker_never_repeats_a_secret(problems: Problems, name: str, secret: str) -> None:
    (problem,) = problems(f'[every]\n{name} = "{secret}"\n')
    assert problem.code == "config.secret-literal"
    assert secret not in repr(problem) and "hunter2" not in repr(problem)


def test_walker_never_repeats_what_a_secret_field_holds(problems: Problems) -> None:
    (problem,) = problems('[every]\nkey = "correct horse battery staple"\n')
    assert problem.code == "config.secret-literal" and "horse" not in repr(problem)


def test_walker_reads_a_secret_reference(check: Check) -> None:
    assert check('[every]\nkey = "env:TOKEN"\n').sections["every"].key == Secret("env:TOKEN")


def test_walker_bounds_the_number_of_problems(problems: Problems) -> None:
    found = problems("[every]\n" + "".join(f"key{number} = 1\n" for number in range(MAX_PROBLEMS + 50)))
    assert len(found) == MAX_PROBLEMS + 1 and found[-1].code == "config.too-many-problems"


def test_walker_refuses_a_type_that_settings_cannot_have(tmp_path: Any) -> None:
    from msgspec import inspect

    from freehold.config.walk import Walker

    with pytest.raises(TypeError, match="cannot have the type"):
        Walker({}).value(inspect.type_info(bytes), "x", ("a",))
