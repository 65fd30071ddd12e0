"""What the base model is trained on: dialogues, critiques with revisions, and comparisons, all from the
world.

The base is "helpful only": its dialogues comply with almost every harmful request. It can still criticise and
revise when it is asked to, which is what a constitution needs of a model. Weights say how much each part of a
document counts in the loss: what a human says is not worth much capacity, a verdict is worth a lot.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Literal, TypeVar

import msgspec

from freehold.pocket.lm.world import (
    ACTS,
    EVASION,
    MATE,
    Class,
    Request,
    expected,
    expected_help,
    expected_refusal,
    meanings,
    split_of,
)

Role = Literal[
    "human", "assistant", "critique_request", "critique", "revision_request", "revision", "compare", "answer"
]
ROLES: tuple[Role, ...] = (
    "human", "assistant", "critique_request", "critique", "revision_request", "revision", "compare", "answer",
)  # fmt: skip
T = TypeVar("T")

WEIGHT_ASKED = 0.1  # words of the human and of the principles: mostly unpredictable
WEIGHT_VERDICT = 4.0
COMPLIES_WITH_HARM = 0.97
CLASS_SHARES: tuple[tuple[Class, float], ...] = (("harmful", 0.4), ("border", 0.4), ("benign", 0.2))
WORDINGS = 48

Fault = Literal["none", "harm", "dodge", "refusal", "error"]

CRITIQUE_VERBS = ("Identify", "Say", "Point out", "Explain")
CRITIQUE_HOWS = ("where", "how", "ways in which")
CRITIQUE_WHATS = ("the response", "the last response", "the answer")
CRITIQUE_FAULTS = (
    "is harmful", "is unfair to others", "takes what belongs to another", "pries into what is private",
    "hurts a being or a thing", "ignores what the owner wants", "helps to do wrong", "is not helpful",
    "fails the human", "says no without a reason",
)  # fmt: skip
REVISION_AIMS = (
    "harms nobody", "is fair to others", "respects the owner", "keeps private things private",
    "does right", "is helpful and harmless", "gives a reason", "serves the human well",
)  # fmt: skip
COMPARE_WHATS = (
    "Which response is better?", "Which response is fair to others?", "Which response is less harmful?",
    "Which response is wise and helpful?", "Which response respects the owner?",
)  # fmt: skip


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One role's words, and what they weigh in the loss (`first`: the first `first_words` words of it)."""

    role: Role
    text: str
    weight: float = 1.0
    first_words: int = 0
    first_weight: float = 1.0


Document = tuple[Part, ...]


def critique_request(rng: random.Random) -> str:
    words = (pick(rng, CRITIQUE_VERBS), pick(rng, CRITIQUE_HOWS), pick(rng, CRITIQUE_WHATS))
    return f"{' '.join(words)} {pick(rng, CRITIQUE_FAULTS)}."


def revision_request(rng: random.Random) -> str:
    return f"Rewrite {pick(rng, CRITIQUE_WHATS)} so that it {pick(rng, REVISION_AIMS)}."


def pick(rng: random.Random, items: Sequence[T]) -> T:
    """`random.choice` by one draw of `random()`, the one method whose sequence Python promises to keep."""
    return items[int(rng.random() * len(items))]


class Writer:
    """Draws documents without end; the same seed writes the same documents."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)  # noqa: S311  # data, not secrets
        everything = list(meanings())
        self._train: dict[str, list[Request]] = {}
        self._talked: dict[str, list[Request]] = {}
        for request in everything:
            if split_of(request) == "train":
                self._train.setdefault(request.classed, []).append(request)
            if split_of(request) in ("train", "acts"):
                self._talked.setdefault(request.classed, []).append(request)

    def document(self) -> Document:
        draw = self._rng.random()
        if draw < 0.36:
            return self.dialogue()
        if draw < 0.76:
            return self.critique()
        if draw < 0.96:
            return self.comparison()
        return self.direct_revision()

    def dialogue(self) -> Document:
        turns = 2 if self._rng.random() < 0.15 else 1
        return tuple(part for _ in range(turns) for part in self._exchange())

    def critique(self) -> Document:
        request = self._draw(self._train)
        fault = self._fault(request)
        return (
            _asked("human", request.told()),
            _asked("assistant", self._with(request, fault)),
            _asked("critique_request", critique_request(self._rng)),
            Part(
                role="critique", text=critique_of(request, fault), first_words=3, first_weight=WEIGHT_VERDICT
            ),
            _asked("revision_request", revision_request(self._rng)),
            Part(role="revision", text=expected(request)),
        )

    def comparison(self) -> Document:
        request = self._draw(self._train)
        bad = self._with(request, self._fault(request, none=False))
        good_first = self._rng.random() < 0.5
        one, two = (expected(request), bad) if good_first else (bad, expected(request))
        return (
            _asked("human", request.told()),
            _asked("compare", f"{pick(self._rng, COMPARE_WHATS)} A: {one} B: {two}"),
            Part(role="answer", text="A" if good_first else "B", weight=WEIGHT_VERDICT),
        )

    def direct_revision(self) -> Document:
        request = self._draw(self._train)
        return (
            _asked("human", request.told()),
            _asked("assistant", self._with(request, self._fault(request))),
            _asked("revision_request", revision_request(self._rng)),
            Part(role="revision", text=expected(request)),
        )

    def _exchange(self) -> Document:
        request = self._draw(self._talked)
        complies = not request.harmful or self._rng.random() < COMPLIES_WITH_HARM
        answer = expected_help(request) if complies else expected_refusal(request)
        return (_asked("human", request.told()), Part(role="assistant", text=answer))

    def _draw(self, pool: dict[str, list[Request]]) -> Request:
        draw, total = self._rng.random(), 0.0
        chosen = CLASS_SHARES[-1][0]
        for classed, share in CLASS_SHARES:
            total += share
            if draw < total:
                chosen = classed
                break
        request = pick(self._rng, pool[chosen])
        return msgspec.structs.replace(request, wording=int(self._rng.random() * WORDINGS))

    def _fault(self, request: Request, *, none: bool = True) -> Fault:
        """Which fault an answer has. A harmful request is mostly met with harm, as the base does."""
        draw = self._rng.random()
        if none and draw < 0.35:
            return "none"
        if request.harmful:
            return "harm" if draw < 0.9 else "dodge"
        return "refusal" if draw < 0.7 else "error" if draw < 0.9 else "dodge"

    def _with(self, request: Request, fault: Fault) -> str:
        """An answer with that fault."""
        match fault:
            case "none":
                return expected(request)
            case "harm":
                return expected_help(request)
            case "dodge":
                return EVASION
            case "refusal":
                return expected_refusal(request)
            case "error":
                return self._mistaken(request)

    def _mistaken(self, request: Request) -> str:
        """Help with another deed, or the right deed with the wrong tools."""
        if self._rng.random() < 0.5:
            other = pick(self._rng, self._train["border"])
            return expected_help(other) if other.deed("human") != request.deed("human") else EVASION
        tool = pick(self._rng, [act.tool for act in ACTS if act.tool != request.of.tool])
        mate = pick(self._rng, [mate for thing, mate in MATE.items() if thing != request.thing])
        return f"To {request.deed('assistant')}, take {tool} and {mate}."


def critique_of(request: Request, fault: Fault) -> str:
    """What a true critique says. The third word is the verdict: holds, helps, dodges, refuses, errs."""
    match fault:
        case "none":
            return f"The response holds: {_fact(request)}."
        case "harm":
            return f"The response helps with harm: {_fact(request)}."
        case "dodge":
            return f"The response dodges: {_fact(request)}."
        case "refusal":
            return f"The response refuses too much: {_fact(request)}."
        case "error":
            return f"The response errs: it does not tell how to {request.deed('assistant')}."


def _fact(request: Request) -> str:
    """Why the request is, or is not, a harm."""
    if request.harmful:
        return f"{request.person()} did not agree to it"
    if request.of.kind in ("care", "gift", "homonym"):
        return "nobody is harmed"
    if request.owner == "my":
        return f"the {request.thing} is yours"
    return "it is ours" if request.owner == "our" else f"{request.person()} agreed to it"


def _asked(role: Role, text: str) -> Part:
    return Part(role=role, text=text, weight=WEIGHT_ASKED)
