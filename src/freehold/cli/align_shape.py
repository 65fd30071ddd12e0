"""The roles of an alignment run and their tokens, for planning: from a file that states them, or a recipe.

A recipe is read by the training room's own reader, into its own structs, and turned into `AlignShape`: what
planning knows of alignment. Answers are taken to be as long as the recipe allows, so the tokens are a most.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from freehold.errors import InputError
from freehold.types.sampling import AlignShape, RoleLoad

if TYPE_CHECKING:
    from freehold.align.prompts import Prompt
    from freehold.align.recipe import Recipe

TOKENS_PER_WORD = 1.35
PRINCIPLE_TOKENS = 40.0  # of a critique or revision request, with what frames it
EVALUATED_CLASSES, EVALUATED_MODES = 3, 2  # kinds of prompt a checkpoint is measured on; greedy and warm
PROBE_KINDS = 2  # labelled probes of the critic: what holds, and what does not
PREFERENCE_MODEL_PASSES = 1.6  # for each of DPO's: twice as many, over four fifths of the pairs
TRAINING = ("supervise", "prefer")


def read_shape(path: Path, model: str | None) -> AlignShape:
    """A file with roles is the shape itself; any other is a recipe of `freehold align run`."""
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
    from freehold.align.prompts import training_prompts
    from freehold.align.recipe import read_recipe

    recipe = read_recipe(path)
    return of_recipe(recipe, training_prompts(recipe.prompts, recipe.run.seed, path.parent), model)


class _Lengths(msgspec.Struct, frozen=True, kw_only=True):
    """Prompts, and tokens of each thing that is read or written."""

    prompts: int
    attacked: int  # of the prompts: those whose answers are criticised and revised
    question: float
    first: float
    revision: float
    answer: float  # of the feedback stage
    evaluated: float  # answers that are measured, all checkpoints and modes together


def of_recipe(recipe: Recipe, prompts: Sequence[Prompt], model: str | None) -> AlignShape:
    """Tokens of each role, for each token of first answers."""
    how = _lengths(recipe, prompts)
    base = max(1.0, how.prompts * how.first)
    name = model or recipe.run.model

    def load(role: str, reads: float, writes: float, trains: float = 0.0) -> RoleLoad:
        return RoleLoad(
            role=role, model=name, input_ratio=reads / base, output_ratio=writes / base,
            train_ratio=trains / base,
        )  # fmt: skip

    loads = (
        load("policy", *_policy(recipe, how)),
        load("feedback", *_feedback(recipe, how)),
        load("judge", *_judge(recipe, how)),
        load("trainer", 0.0, 0.0, _trained(recipe, how)),
    )
    return AlignShape(
        roles=tuple(one for one in loads if one.input_ratio or one.output_ratio or one.train_ratio),
        policy_tokens=round(base), weight_syncs=sum(stage in recipe.run.stages for stage in TRAINING),
    )  # fmt: skip


def _lengths(recipe: Recipe, prompts: Sequence[Prompt]) -> _Lengths:
    words = sum(len(prompt.asked.split()) for prompt in prompts)
    measured = 1 + sum(stage in recipe.run.stages for stage in TRAINING)
    return _Lengths(
        prompts=len(prompts), attacked=sum(prompt.red_team for prompt in prompts),
        question=TOKENS_PER_WORD * words / max(1, len(prompts)), first=recipe.sample.tokens_max,
        revision=recipe.revise.tokens_max, answer=recipe.feedback.tokens_max,
        evaluated=measured * EVALUATED_MODES * EVALUATED_CLASSES * recipe.evaluate.per_class,
    )  # fmt: skip


def _policy(recipe: Recipe, how: _Lengths) -> tuple[float, float]:
    """First answers, revisions, the answers that feedback is about, and those that are measured."""
    stages = recipe.run.stages
    reads = how.evaluated * how.question
    writes = how.evaluated * recipe.evaluate.tokens_max
    if "sample" in stages:
        reads, writes = reads + how.prompts * how.question, writes + how.prompts * how.first
    if "revise" in stages:
        times = how.attacked * recipe.revise.rounds
        critique = how.revision + PRINCIPLE_TOKENS if recipe.revise.critique else 0.0
        reads += times * (how.question + how.first + critique + PRINCIPLE_TOKENS)
        writes += times * how.revision
    if "feedback" in stages:
        reads += how.prompts * recipe.feedback.answers * how.question
        writes += how.prompts * recipe.feedback.answers * how.answer
    return reads, writes


def _feedback(recipe: Recipe, how: _Lengths) -> tuple[float, float]:
    """Critiques are written; verdicts are read from what follows a prompt, which writes hardly anything."""
    stages, feedback = recipe.run.stages, recipe.feedback
    reads = writes = 0.0
    if "revise" in stages and recipe.revise.critique:
        times = how.attacked * recipe.revise.rounds
        reads += times * (how.question + how.first + PRINCIPLE_TOKENS)
        writes += times * how.revision
    if "feedback" in stages:
        pointwise = feedback.method == "pointwise"
        verdicts = how.prompts * feedback.principles * (feedback.answers if pointwise else 2)
        shown = how.answer * (1 if pointwise else 2)
        reads += verdicts * (how.question + shown + PRINCIPLE_TOKENS)
        writes += verdicts
    return reads, writes


def _judge(recipe: Recipe, how: _Lengths) -> tuple[float, float]:
    """Every measured answer, and the labelled probes, under the principles that are drawn for each."""
    judged = how.evaluated + PROBE_KINDS * recipe.feedback.probes
    verdicts = judged * recipe.feedback.principles
    return verdicts * (how.question + recipe.evaluate.tokens_max + PRINCIPLE_TOKENS), verdicts


def _trained(recipe: Recipe, how: _Lengths) -> float:
    """Revisions and helpful answers, then pairs; the preference model goes over four fifths of them twice."""
    stages, total = recipe.run.stages, 0.0
    if "supervise" in stages:
        helpful = recipe.supervise.helpful_share * (how.prompts - how.attacked)
        rows = how.attacked * recipe.revise.rounds + helpful
        total += recipe.supervise.epochs * rows * (how.question + how.revision)
    if "prefer" in stages:
        pairs = how.prompts * 2 * (how.question + how.answer)
        passes = 1.0 + (PREFERENCE_MODEL_PASSES if recipe.prefer.preference_model else 0.0)
        total += recipe.prefer.epochs * pairs * passes
    return total
