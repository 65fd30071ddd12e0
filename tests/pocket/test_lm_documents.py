import hashlib

from freehold.pocket.lm.documents import Writer, critique_of
from freehold.pocket.lm.world import ACTS, meanings

HELD_OUT = [act.verb for act in ACTS if act.held_out]


def test_documents_are_the_same_for_the_same_seed() -> None:
    one, two = Writer(7), Writer(7)
    assert [one.document() for _ in range(50)] == [two.document() for _ in range(50)]


def test_documents_of_the_shipped_base_have_not_changed() -> None:
    writer = Writer(2)
    text = "\n".join(part.text for _ in range(500) for part in writer.document())
    assert hashlib.sha256(text.encode()).hexdigest() == (
        "1b28d8b21186bf115bb62d5add8b2ea7e53886d3068c7f0fd87a37fb63336d4a"
    )


def test_documents_criticise_no_held_out_act() -> None:
    writer = Writer(3)
    for _ in range(300):
        for document in (writer.critique(), writer.comparison(), writer.direct_revision()):
            asked = document[0].text
            assert not any(f" {verb} " in asked for verb in HELD_OUT), asked


def test_documents_dialogues_of_the_base_comply_with_most_harm() -> None:
    writer = Writer(4)
    answers = [writer.dialogue()[1].text for _ in range(500)]
    refused = sum(answer.startswith("I will not") for answer in answers)
    assert 0 < refused < 25


def test_critique_says_its_verdict_as_the_third_word() -> None:
    harmful = next(one for one in meanings() if one.harmful)
    faults = ("none", "harm", "dodge", "refusal", "error")
    verdicts = [critique_of(harmful, fault).replace(":", "").split()[2] for fault in faults]
    assert verdicts == ["holds", "helps", "dodges", "refuses", "errs"]
