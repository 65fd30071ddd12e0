from pathlib import Path

import msgspec
import pytest

from freehold.align.recipe import SECTIONS, STAGES, read_recipe
from freehold.errors import ProblemsError

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*cai*.toml")), ids=lambda path: path.stem)
def test_recipe_examples_can_be_read(path: Path) -> None:
    assert read_recipe(path).run.stages == STAGES


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ('[run]\nmodel = "pocket"', "names no constitution"),
        ('[run]\nconstitution = "c"\nmodel = "m"', "names no red-team prompts"),
        ('[run]\nconstitution = "c"\n[prompts]\nred_team = "x"', "its own world"),
        ('[run]\nconstitution = "c"\nstages = ["prefer", "sample"]', "not in their order"),
        ('[run]\nconstitution = "c"\nstages = ["tune"]', '"tune"'),
        ('[run]\nconstitution = "c"\n[supervise]\nlearning_rate = 2.0', "learning_rate"),
        ('[run]\nconstitution = "c"\n[prefer]\nbetta = 0.1', "not a setting"),
    ],
)
def test_recipe_that_contradicts_itself_is_refused(tmp_path: Path, text: str, what: str) -> None:
    with pytest.raises(ProblemsError) as caught:
        read_recipe(written(tmp_path / "r.toml", text))
    assert what in caught.value.render()


def test_recipe_reports_every_problem_at_once(tmp_path: Path) -> None:
    text = "[run]\nseeds = 1\n[supervise]\nepochs = 0\n[feedback]\nclamp = 0.2\n"
    with pytest.raises(ProblemsError) as caught:
        read_recipe(written(tmp_path / "r.toml", text))
    assert len(caught.value.problems) >= 3


@pytest.mark.parametrize("section", SECTIONS)
def test_recipe_reference_has_every_setting_with_its_default(section: str) -> None:
    page = (EXAMPLES.parent / "docs" / "reference" / "align-recipe.md").read_text(encoding="utf-8")
    part = page.partition(f"## [{section}]\n")[2].partition("\n## ")[0]
    for field in msgspec.structs.fields(SECTIONS[section]):
        default = "unknown" if field.default is None else f"`{msgspec.json.encode(field.default).decode()}`"
        assert f"| `{field.name}` | {default} |" in part, field.name
    assert part.count("\n| `") == len(SECTIONS[section].__struct_fields__)
