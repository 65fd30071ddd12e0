"""The marks by which a plain conversation asks for a critique, a revision or a comparison.

A chat protocol knows two roles; constitutional training needs more. A human turn that begins with one of
these marks is one of the others, and the assistant turn after it is its answer. So all of it travels over
any home.
"""

from __future__ import annotations

from freehold.pocket.lm.documents import Role
from freehold.types.conversation import Conversation, Text, Turn

MARKS: dict[str, tuple[Role, Role]] = {
    "CritiqueRequest: ": ("critique_request", "critique"),
    "RevisionRequest: ": ("revision_request", "revision"),
    "Compare: ": ("compare", "answer"),
}
Parts = list[tuple[Role, str]]


def parts_of(conversation: Conversation) -> tuple[Parts, Role, str]:
    """The parts said so far, whose turn it is, and how far that turn has already gone."""
    parts: Parts = []
    then: Role = "assistant"
    for turn in conversation.turns:
        if turn.role == "user":
            role, then, text = marked(words(turn))
            parts.append((role, text))
        elif turn.role == "assistant":
            parts.append((then, words(turn)))
    if conversation.turns and conversation.turns[-1].role == "assistant":
        then, prefill = parts.pop()
        return parts, then, prefill
    return parts, then, ""


def marked(text: str) -> tuple[Role, Role, str]:
    """The role of a human turn, the role that answers it, and its words without the mark."""
    for mark, (role, answer) in MARKS.items():
        if text.startswith(mark):
            return role, answer, text.removeprefix(mark)
    return "human", "assistant", text


def words(turn: Turn) -> str:
    return "\n".join(block.text for block in turn.blocks if isinstance(block, Text))


def talk(*said: str, model: str = "pocket") -> Conversation:
    """A conversation of alternating human and assistant turns."""
    roles = ("user", "assistant")
    turns = tuple(Turn(role=roles[n % 2], blocks=(Text(text=text),)) for n, text in enumerate(said))  # type: ignore[arg-type]
    return Conversation(model=model, turns=turns)


def asked_to_compare(asked: str, question: str, model: str = "pocket") -> Conversation:
    """A request that nobody answered yet, and the question which of two answers is the better."""
    said = (asked, f"Compare: {question}")
    return Conversation(
        model=model, turns=tuple(Turn(role="user", blocks=(Text(text=text),)) for text in said)
    )
