from pathlib import Path

import pytest

from freehold.align.constitution import diff, read_constitution
from freehold.errors import ProblemsError

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "constitutions"
WHOLE = """
[constitution]
name = "n"
version = "1"
[principles.one]
text = "Be fair."
critique = "Say where it is unfair."
revision = "Make it fair."
"""


def written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.toml")), ids=lambda path: path.stem)
def test_constitution_examples_have_no_holes(path: Path) -> None:
    assert read_constitution(path).principles


def test_constitution_digest_is_over_what_it_says_and_not_how(tmp_path: Path) -> None:
    plain = read_constitution(written(tmp_path / "a.toml", WHOLE))
    commented = read_constitution(written(tmp_path / "b.toml", "# a comment\n" + WHOLE.replace("= ", "=   ")))
    changed = read_constitution(written(tmp_path / "c.toml", WHOLE.replace("fair.", "just.")))
    assert plain.digest == commented.digest
    assert plain.digest != changed.digest


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (("Be fair.", ""), "has no text"),
        (('critique = "Say where it is unfair."', ""), "has no critique"),
        (('version = "1"', ""), "has no version"),
        (("[principles.one]", "[principles.one]\nweight = 0"), "weight 0"),
        (("[constitution]", "[signers]\nthreshold = 2\n[constitution]"), "can never sign"),
        (("[principles.one]", "[principles.one]\nweight = -1"), "weight"),
        (("text =", "texts ="), "not a setting"),
    ],
)
def test_constitution_with_a_hole_is_refused(tmp_path: Path, change: tuple[str, str], what: str) -> None:
    with pytest.raises(ProblemsError) as caught:
        read_constitution(written(tmp_path / "c.toml", WHOLE.replace(*change)))
    assert what in caught.value.render()


def test_constitution_lists_every_hole_at_once_with_its_line(tmp_path: Path) -> None:
    text = (
        '[constitution]\nname = "n"\nversion = "1"\n[principles.a]\ntext = "x"\n[principles.b]\ntext = "x"\n'
    )
    with pytest.raises(ProblemsError) as caught:
        read_constitution(written(tmp_path / "c.toml", text))
    assert len(caught.value.problems) == 5
    assert all(problem.line for problem in caught.value.problems)


def test_diff_names_what_was_added_removed_and_changed(tmp_path: Path) -> None:
    old = read_constitution(written(tmp_path / "a.toml", WHOLE))
    second = WHOLE.split("[principles.one]")[1]
    text = WHOLE.replace("Be fair.", "Be just.") + "[principles.two]" + second
    new = read_constitution(written(tmp_path / "b.toml", text))
    assert [(one.kind, one.principle, one.field) for one in diff(old, new)] == [
        ("changed", "one", "text"),
        ("added", "two", ""),
    ]
    assert [one.kind for one in diff(new, old)] == ["removed", "changed"]
    assert diff(old, old) == []
