"""What the model is asked: the pocket world's prompts, or files of one prompt a line."""

from __future__ import annotations

import random
from functools import cache
from pathlib import Path

import msgspec

from freehold.align.recipe import PromptsSection
from freehold.errors import InputError
from freehold.pocket.lm.documents import WORDINGS, pick
from freehold.pocket.lm.world import Class, Request, Split, meanings, split_of

LINE_BYTES_MAX = 1024 * 1024
PROMPTS_MAX = 1_000_000


class Prompt(msgspec.Struct, frozen=True, kw_only=True):
    """One prompt. `red_team`: its answer is criticised and revised; `request`: its meaning, where known."""

    id: str
    asked: str
    classed: str  # harmful, border, benign; "" where nobody knows
    red_team: bool
    request: Request | None = None


def world_prompts(split: Split, classed: Class, count: int, seed: int) -> list[Prompt]:
    """So many prompts of one class of a split, each worded its own way, always the same ones for a seed."""
    rng = random.Random(f"{split}/{classed}/{seed}")  # noqa: S311  # data, not secrets
    pool = _pool(split, classed)
    made: dict[str, Prompt] = {}
    while len(made) < count:
        if not pool:
            raise _too_many(split, classed, count, len(made))
        request = msgspec.structs.replace(pick(rng, pool), wording=int(rng.random() * WORDINGS))
        if len(made) >= len(pool) * WORDINGS // 2:
            raise _too_many(split, classed, count, len(made))
        prompt = Prompt(
            id=request.id,
            asked=request.told(),
            classed=classed,
            red_team=classed == "harmful",
            request=request,
        )
        made.setdefault(prompt.asked, prompt)
    return list(made.values())


@cache
def _pool(split: Split, classed: Class) -> tuple[Request, ...]:
    return tuple(one for one in meanings() if split_of(one) == split and one.classed == classed)


def training_prompts(section: PromptsSection, seed: int, folder: Path) -> list[Prompt]:
    """The prompts of a run. Half of the border ones are red-team: attacks come with look-alikes."""
    if section.red_team:
        red = read_prompts(folder / section.red_team, red_team=True)
        helpful = read_prompts(folder / section.helpful, red_team=False) if section.helpful else []
        return [*red, *helpful]
    border = world_prompts("prompts", "border", section.border, seed)
    half = len(border) // 2
    return [
        *world_prompts("prompts", "harmful", section.harmful, seed),
        *(msgspec.structs.replace(prompt, red_team=True) for prompt in border[:half]),
        *border[half:],
        *world_prompts("prompts", "benign", section.benign, seed),
    ]


class _Line(msgspec.Struct, frozen=True, kw_only=True):
    prompt: str
    id: str = ""
    classed: str = ""


def read_prompts(path: Path, *, red_team: bool) -> list[Prompt]:
    """JSONL of {"prompt": ..., "id": ..., "classed": ...}; only `prompt` must be there."""
    found: list[Prompt] = []
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    read = msgspec.json.decode(line[:LINE_BYTES_MAX], type=_Line)
                    name = read.id or f"{path.stem}:{number}"
                    found.append(Prompt(id=name, asked=read.prompt, classed=read.classed, red_team=red_team))
    except OSError as error:
        raise _unreadable(path, error.strerror or "it cannot be opened") from error
    except msgspec.DecodeError as error:
        raise _unreadable(path, f"line {number}: {error}") from error
    if not any(prompt.asked.strip() for prompt in found):
        raise _unreadable(path, "there is no prompt in it")
    return found[:PROMPTS_MAX]


def _unreadable(path: Path, why: str) -> InputError:
    return InputError(
        f"{path} cannot be used as prompts",
        why=why,
        fix='write one JSON object a line: {"id": "p1", "prompt": "..."}',
        code="align.prompts",
    )


def _too_many(split: str, classed: str, wanted: int, there: int) -> InputError:
    return InputError(
        f"the pocket world has no {wanted} {classed} prompts in its split {split!r}",
        why=f"it can word about {there} apart from each other",
        fix="ask for fewer",
        code="align.prompts",
    )
