"""The token ratios of an alignment recipe, for planning: from a file that states them, or from a recipe."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import msgspec

from freehold.errors import InputError
from freehold.types.sampling import AlignShape, RoleLoad

PROMPTS = {"harmful": 300, "border": 200, "benign": 100}  # what a recipe asks for where it says nothing
TOKENS, ROUNDS, ANSWERS, EPOCHS = 48, 2, 2, 3
CRITIQUE_READS = (
    4.0  # tokens a critic reads for each that the policy wrote: prompt, answer, principle, examples
)


def read_shape(path: Path, model: str | None) -> AlignShape:
    """A file with roles is the shape itself; any other is read as a recipe of `freehold align run`."""
    try:
        entry = tomllib.loads(path.read_text(encoding="utf-8"))
        if "roles" in entry:
            return msgspec.convert(entry, AlignShape)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise InputError(
            f"the recipe {str(path)!r} cannot be planned",
            why=str(error),
            fix="give a recipe, or a TOML file with policy_tokens, weight_syncs and [[roles]]",
            code="plan.bad-recipe",
        ) from error
    return of_recipe(entry, model)


def of_recipe(entry: dict[str, Any], model: str | None) -> AlignShape:
    """Sampling, revisions, feedback and training, in tokens for each token of first answers."""

    def number(section: str, key: str, default: float) -> float:
        value = entry.get(section, {}).get(key, default)
        return float(value) if isinstance(value, int | float) else default

    name = model or str(entry.get("run", {}).get("model", "pocket"))
    prompts = sum(number("prompts", key, count) for key, count in PROMPTS.items())
    rounds = number("revise", "rounds", ROUNDS)
    answers = number("feedback", "answers", ANSWERS)
    epochs = number("supervise", "epochs", EPOCHS) + number("prefer", "epochs", 1)
    policy_tokens = int(prompts * number("sample", "tokens_max", TOKENS))
    wrote, trained = 1.0 + 2 * rounds + answers, epochs * (1 + rounds)
    return AlignShape(
        roles=(
            RoleLoad(role="policy", model=name, input_ratio=2.0 + 2 * rounds, output_ratio=wrote),
            RoleLoad(
                role="feedback", model=name, input_ratio=CRITIQUE_READS * answers, output_ratio=answers / 10
            ),
            RoleLoad(role="trainer", model=name, input_ratio=0.0, output_ratio=0.0, train_ratio=trained),
        ),
        policy_tokens=policy_tokens,
        weight_syncs=2,
    )
