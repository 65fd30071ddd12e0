from freehold.errors import MissingExtraError, Problem, ProblemsError, UsageError, nearest


def test_error_prints_what_why_and_fix() -> None:
    error = UsageError("it is wrong", why="because", fix="do that", code="core.example")
    assert error.render() == "error[core.example]: it is wrong\n  why: because\n  fix: do that"


def test_missing_extra_names_the_install_line() -> None:
    assert MissingExtraError("align", "training").fix == "pip install 'freehold[align]'"


def test_problems_are_all_printed_with_their_lines() -> None:
    problems = [Problem(code="a.b", what="one", line=3), Problem(code="a.c", what="two")]
    text = ProblemsError("f.toml", problems).render()
    assert "f.toml:3: one" in text
    assert "f.toml: two" in text
    assert "2 problems in f.toml" in text


def test_nearest_finds_a_typo_and_nothing_far() -> None:
    assert nearest("regon", ["region", "vendor"]) == "region"
    assert nearest("zzz", ["region", "vendor"]) is None
