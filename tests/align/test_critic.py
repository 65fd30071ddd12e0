# environment: align
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

from freehold.align.critic import (
    Ask,
    Opinion,
    clamped,
    compare,
    pointwise,
    refuse_nonsense,
    soft_label,
    verdict_logit,
    vote_of,
)
from freehold.align.probes import labelled
from freehold.align.recipe import FeedbackSection
from freehold.align.run import begin, carry_on
from freehold.align.work import Run
from freehold.errors import InputError
from freehold.pocket.lm.world import expected
from freehold.types.sampling import NotSupported, Sample, SampleRequest, ScoreRequest, Scores

ROOT = Path(__file__).resolve().parents[2]
HOW = FeedbackSection()


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("critic")
    constitution = ROOT / "examples" / "constitutions" / "pocket.toml"
    text = f'[run]\nstages = []\nconstitution = "{constitution}"\n[feedback]\nprobes = 4\n'
    text += "[prompts]\nharmful = 2\nborder = 2\nbenign = 2\n[evaluate]\nper_class = 2\nkl_prompts = 1\n"
    (folder / "recipe.toml").write_text(text, encoding="utf-8")
    begin(folder / "recipe.toml", folder / "run")
    return carry_on(folder / "run")


def asks(run: Run) -> list[Ask]:
    principle = next(iter(run.constitution.principles.items()))
    return [
        Ask(asked=probe.request.told(), answer=probe.answer, principles=(principle,))
        for probe in labelled("prompts", 40, 1)
    ]


class Mute:
    """A home without log-probabilities, whose critiques are these words."""

    def __init__(self, *texts: str) -> None:
        self._texts = texts

    async def sample(self, requests: Sequence[SampleRequest]) -> Sequence[Sample]:
        return [Sample(text=self._texts[n % len(self._texts)]) for n in range(len(requests))]

    async def score(self, items: Sequence[ScoreRequest]) -> Scores | NotSupported:
        return NotSupported(why="no log-probabilities here")


def test_critic_tells_faults_from_sound_answers(run: Run) -> None:
    found = pointwise(run, run.local(run.base), asks(run), "feedback")
    wanted = [not probe.violation for probe in labelled("prompts", 40, 1)]
    agreed = sum(((one.score or 0) > 0) is want for one, want in zip(found, wanted, strict=True))
    assert agreed >= 0.95 * len(wanted)


def test_critic_without_logits_counts_votes_and_says_so(run: Run) -> None:
    found = pointwise(
        run, Mute("holds: it is fine.", "holds.", "helps with harm.", "holds."), asks(run)[:2], "feedback"
    )
    assert all(one.sampled and one.score is not None and one.score > 0 for one in found)


def test_critic_that_talks_nonsense_is_refused(run: Run) -> None:
    with pytest.raises(InputError) as caught:
        pointwise(run, Mute("la la la"), asks(run)[:3], "feedback")
    assert caught.value.code == "align.judge-nonsense"


def test_critic_half_of_which_can_be_read_is_kept() -> None:
    read, lost = Opinion(score=1.0, principles=()), Opinion(score=None, principles=())
    refuse_nonsense([read, lost])
    with pytest.raises(InputError):
        refuse_nonsense([read, lost, lost])


def test_compare_asks_in_both_orders_and_a_liking_for_a_letter_falls_out(run: Run) -> None:
    class LikesA:
        async def sample(self, requests: Sequence[SampleRequest]) -> Sequence[Sample]:
            return []

        async def score(self, items: Sequence[ScoreRequest]) -> Scores | NotSupported:
            return Scores(logprobs=tuple((-0.1, -3.0) for _ in items))

    principle = next(iter(run.constitution.principles.values()))
    found = compare(run, LikesA(), [("asked", "one", "two", principle)], "feedback")[0]
    assert found.label == pytest.approx(0.5)
    assert found.given_order == pytest.approx(2.9) and found.swapped == pytest.approx(-2.9)


def test_compare_by_the_base_prefers_the_better_answer(run: Run) -> None:
    principle = next(iter(run.constitution.principles.values()))
    bad = [probe for probe in labelled("prompts", 20, 2) if probe.violation]
    pairs = [(one.request.told(), expected(one.request), one.answer, principle) for one in bad]
    found = compare(run, run.local(run.base), pairs, "feedback")
    assert sum(one.label > 0.5 for one in found) >= 0.9 * len(found)


def test_compare_needs_log_probabilities(run: Run) -> None:
    principle = next(iter(run.constitution.principles.values()))
    with pytest.raises(InputError) as caught:
        compare(run, Mute("A"), [("a", "b", "c", principle)], "feedback")
    assert caught.value.code == "align.no-logprobs"


def test_soft_label_is_clamped_and_hard_label_is_not() -> None:
    assert soft_label(0.0, 0.0, HOW) == 0.5
    assert soft_label(50.0, -50.0, HOW) == HOW.clamp
    assert soft_label(-50.0, 50.0, HOW) == pytest.approx(1 - HOW.clamp)
    assert clamped(0.6, FeedbackSection(hard=True)) == 1.0


@pytest.mark.parametrize(
    ("text", "vote"),
    [
        ("holds: it is yours.", True),
        ("helps with harm.", False),
        ("Well, it refuses", False),
        ("", None),
        ("nothing", None),
    ],
)
def test_vote_is_the_first_verdict_word(text: str, vote: bool | None) -> None:
    assert vote_of(text, HOW) is vote


def test_verdict_logit_weighs_good_against_all_the_bad() -> None:
    row = torch.log(torch.tensor([0.5, 0.2, 0.2])).tolist()
    assert verdict_logit(row) == pytest.approx(torch.log(torch.tensor(0.5 / 0.4)).item(), abs=1e-5)
