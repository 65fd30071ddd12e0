"""The recipe of a run: one TOML file, checked whole, with every number that decides the result."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import msgspec

from freehold.config import Loaded, load
from freehold.errors import Problem, ProblemsError

Stage = Literal["sample", "revise", "supervise", "feedback", "prefer"]
STAGES: tuple[Stage, ...] = ("sample", "revise", "supervise", "feedback", "prefer")

Count = Annotated[int, msgspec.Meta(ge=0, le=10_000_000)]
Some = Annotated[int, msgspec.Meta(ge=1, le=10_000_000)]
Share = Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]
Heat = Annotated[float, msgspec.Meta(ge=0.0, le=10.0)]
Rate = Annotated[float, msgspec.Meta(gt=0.0, le=1.0)]


class _Section(msgspec.Struct, frozen=True, kw_only=True):
    pass


class RunSection(_Section, frozen=True, kw_only=True):
    """[run]: what is trained, by which constitution, with which stages."""

    name: str = "run"
    model: str = "pocket"  # "pocket", or a folder in the HF layout
    digest: str = ""  # of the model's weights; checked when given
    constitution: str = ""
    seed: Count = 1
    threads: Annotated[int, msgspec.Meta(ge=1, le=256)] = 1
    device: str = "cpu"  # cpu, or what torch's accelerator API finds: cuda, xpu, mps, ...
    dtype: Literal["float32", "bfloat16"] = "float32"
    stages: tuple[Stage, ...] = STAGES
    usd_per_hour: Annotated[float, msgspec.Meta(ge=0.0)] | None = None  # of the machine; unknown if not given
    peak_flops_per_s: Annotated[float, msgspec.Meta(gt=0.0)] | None = None  # for the utilisation shown


class PromptsSection(_Section, frozen=True, kw_only=True):
    """[prompts]: the pocket world's own, or JSONL files of {"id", "prompt"}."""

    harmful: Count = 300
    border: Count = 200
    benign: Count = 100
    red_team: str = ""
    helpful: str = ""


class SampleSection(_Section, frozen=True, kw_only=True):
    """[sample]: first answers."""

    temperature: Heat = 0.7
    tokens_max: Some = 48
    rows: Some = 64  # prompts a chunk: what a crash can cost
    sampler: str = ""  # the base URL of a home that speaks the openai dialect; empty: in this process


class ReviseSection(_Section, frozen=True, kw_only=True):
    """[revise]: critique and revision rounds. A warm critic leaves its own errors in the training data."""

    rounds: Annotated[int, msgspec.Meta(ge=1, le=16)] = 2
    temperature: Heat = 0.0
    tokens_max: Some = 48
    critique: bool = True  # False: revise without a critique, for comparison


class TrainSection(_Section, frozen=True, kw_only=True):
    """What the supervised stage and both preference trainings share."""

    epochs: Some = 3
    rows: Some = 32
    learning_rate: Rate = 1e-3
    warmup: Share = 0.1
    weight_decay: Share = 0.01
    clip: Annotated[float, msgspec.Meta(gt=0.0)] = 1.0
    checkpoint_steps: Some = 40


class SuperviseSection(TrainSection, frozen=True, kw_only=True):
    """[supervise]: on revisions of all rounds, mixed with the model's own helpful answers."""

    helpful_share: Share = 0.5  # of the helpful prompts' first answers that are mixed in


class FeedbackSection(_Section, frozen=True, kw_only=True):
    """[feedback]: who prefers what, and how sure they are."""

    method: Literal["pointwise", "compare"] = "pointwise"
    answers: Annotated[int, msgspec.Meta(ge=2, le=16)] = 2
    temperature: Heat = 1.0
    tokens_max: Some = 48
    rows: Some = 64
    principles: Annotated[int, msgspec.Meta(ge=1, le=32)] = 3  # drawn for each answer, and averaged
    prefix: str = "The response"
    good: str = "holds"
    bad: tuple[str, ...] = ("helps", "refuses", "dodges", "errs")
    first: str = "A"
    second: str = "B"
    softness: Annotated[float, msgspec.Meta(gt=0.0)] = (
        2.0  # a difference of logits this large is a label of 73 %
    )
    clamp: Annotated[float, msgspec.Meta(ge=0.5, le=1.0)] = 0.98  # no label is surer than this
    margin_min: Share = 0.1  # pairs closer than this to even are left out
    hard: bool = False  # round labels to 0 or 1, for comparison
    critic: str = ""  # the base URL of a home that judges; empty: the base model, in this process
    votes: Some = 4  # samples per verdict where a home gives no log-probabilities
    probes: Count = 200  # labelled probes per kind that measure the critic


class PreferSection(TrainSection, frozen=True, kw_only=True):
    """[prefer]: DPO with an anchor on the preferred answer's likelihood, and a preference model beside it."""

    learning_rate: Rate = 2e-4
    epochs: Some = 1
    rows: Some = 16
    beta: Annotated[float, msgspec.Meta(gt=0.0, le=10.0)] = 0.1
    anchor: Annotated[float, msgspec.Meta(ge=0.0, le=100.0)] = 0.2
    checkpoint_steps: Some = 20
    preference_model: bool = True


class EvaluateSection(_Section, frozen=True, kw_only=True):
    """[evaluate]: after every stage in full, at every checkpoint on a part."""

    per_class: Some = 200
    per_class_partial: Count = 60
    tokens_max: Some = 48
    kl_prompts: Count = 64
    hhh: str = ""  # JSONL of comparisons; relative to the recipe, as all files here
    xstest: str = ""  # CSV of prompts that sound unsafe, and of some that are
    harmbench: str = ""  # CSV of behaviours that are to be declined
    outside_max: Count = 0  # of each of these files, the first so many; 0: all


class Recipe(msgspec.Struct, frozen=True, kw_only=True):
    run: RunSection
    prompts: PromptsSection
    sample: SampleSection
    revise: ReviseSection
    supervise: SuperviseSection
    feedback: FeedbackSection
    prefer: PreferSection
    evaluate: EvaluateSection


SECTIONS = {
    "run": RunSection, "prompts": PromptsSection, "sample": SampleSection, "revise": ReviseSection,
    "supervise": SuperviseSection, "feedback": FeedbackSection, "prefer": PreferSection,
    "evaluate": EvaluateSection,
}  # fmt: skip


def read_recipe(path: Path) -> Recipe:
    """The file as a recipe, or everything that is wrong with it."""
    loaded = load(path, SECTIONS, checks=(_holes,))
    return Recipe(**{name: loaded.sections[name] for name in SECTIONS})


def _holes(loaded: Loaded) -> list[Problem]:
    run, prompts = loaded.sections["run"], loaded.sections["prompts"]
    problems = []
    if not run.constitution:
        problems.append(Problem(code="align.recipe", what="the recipe names no constitution",
                                why="it is what the model is trained to hold to",
                                fix='add constitution = "FILE.toml" under [run]', path="run.constitution",
                                line=loaded.line("run")))  # fmt: skip
    if run.model == "pocket" and (prompts.red_team or prompts.helpful):
        problems.append(
            Problem(
                code="align.recipe",
                what="the pocket model reads only its own world's prompts",
                why="prompt files are for other models",
                fix="remove red_team and helpful, or name another model",
                path="prompts",
                line=loaded.line("prompts"),
            )
        )
    if run.model != "pocket" and not prompts.red_team:
        problems.append(Problem(code="align.recipe", what="the recipe names no red-team prompts",
                                why=f"the model {run.model!r} cannot use the pocket world's",
                                fix='add red_team = "FILE.jsonl" under [prompts]', path="prompts",
                                line=loaded.line("prompts")))  # fmt: skip
    order = [STAGES.index(stage) for stage in run.stages]
    if order != sorted(set(order)):
        problems.append(
            Problem(
                code="align.recipe",
                what="the stages are not in their order",
                why=f"the order is {', '.join(STAGES)}, each once",
                fix="put them in order",
                path="run.stages",
                line=loaded.line("run", "stages"),
            )
        )
    return problems


def resolve(recipe_file: Path, named: str) -> Path:
    """A path in a recipe is relative to the recipe."""
    path = Path(named)
    return path if path.is_absolute() else recipe_file.parent / path


__all__ = ["STAGES", "ProblemsError", "Recipe", "Stage", "read_recipe", "resolve"]
