from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from freehold.align.recipe import read_recipe
from freehold.cli.align_shape import of_recipe, read_shape
from freehold.errors import FreeholdError, ProblemsError
from freehold.types.sampling import AlignShape, RoleLoad

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "pocket-cai.toml"


def shape(tmp_path: Path, text: str = "") -> AlignShape:
    path = tmp_path / "r.toml"
    path.write_text(f'[run]\nconstitution = "c.toml"\n{text}')
    return read_shape(path, "llama-3.1-8b")


def role(found: AlignShape, name: str) -> RoleLoad:
    return next(one for one in found.roles if one.role == name)


def test_example_recipe_has_the_four_roles_and_two_syncs() -> None:
    found = read_shape(EXAMPLE, "llama-3.1-8b")
    assert [one.role for one in found.roles] == ["policy", "feedback", "judge", "trainer"]
    assert found.policy_tokens == 600 * 48  # prompts, times the longest first answer
    assert found.weight_syncs == 2


def test_more_rounds_and_answers_ask_more_of_whom_they_concern(tmp_path: Path) -> None:
    plain = shape(tmp_path)
    rounds = shape(tmp_path, "[revise]\nrounds = 4")
    answers = shape(tmp_path, "[feedback]\nanswers = 8")
    assert role(rounds, "trainer").train_ratio > role(plain, "trainer").train_ratio
    assert role(rounds, "feedback").output_ratio > role(plain, "feedback").output_ratio
    assert role(answers, "policy").output_ratio > role(plain, "policy").output_ratio
    assert role(answers, "trainer").train_ratio == role(plain, "trainer").train_ratio


def test_stages_that_are_left_out_cost_nothing(tmp_path: Path) -> None:
    path = tmp_path / "r.toml"
    path.write_text('[run]\nconstitution = "c.toml"\nstages = ["sample"]\n')
    found = read_shape(path, "llama-3.1-8b")
    assert "trainer" not in [one.role for one in found.roles]
    assert found.weight_syncs == 0


def test_recipe_is_the_training_rooms_own_struct() -> None:
    """Not raw text: a field renamed there fails here, and under mypy."""
    recipe = read_recipe(EXAMPLE)
    assert of_recipe(recipe, [], "llama-3.1-8b").policy_tokens == 1


def test_recipe_that_is_wrong_is_told_in_the_training_rooms_words(tmp_path: Path) -> None:
    with pytest.raises(ProblemsError):
        shape(tmp_path, "[revise]\nround = 4")


def test_file_of_roles_is_taken_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "roles.toml"
    path.write_text(
        "policy_tokens = 5\n[[roles]]\nrole = 'policy'\nmodel = 'm'\ninput_ratio = 1.0\noutput_ratio = 1.0\n"
    )
    assert read_shape(path, None).roles[0].model == "m"
    path.write_text("policy_tokens = 5\nroles = 3\n")
    with pytest.raises(FreeholdError) as caught:
        read_shape(path, None)
    assert caught.value.code == "plan.bad-recipe"


def test_reading_a_recipe_for_planning_loads_no_torch() -> None:
    code = (
        "import sys; from pathlib import Path; from freehold.cli.align_shape import read_shape; "
        f"read_shape(Path({str(EXAMPLE)!r}), 'llama-3.1-8b'); sys.exit('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
