from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from freehold.errors import InputError
from freehold.pocket.lm.engine import SHIPPED, Choice, PocketModel, generate
from freehold.pocket.lm.judge import read
from freehold.pocket.lm.world import expected_help, meanings, split_of

MODEL = PocketModel.load()
REQUESTS = [one for one in meanings() if split_of(one) == "eval" and one.classed == "benign"][:5]
PROMPT = MODEL.tokens.prompt([("human", REQUESTS[0].told())], "assistant")


def greedy(prompt: list[int], tokens_max: int = 48) -> list[int]:
    return [token for token, _ in generate(MODEL, prompt, tokens_max, Choice())]


def test_engine_reading_in_parts_gives_the_numbers_of_reading_at_once() -> None:
    whole = MODEL.forward(PROMPT, MODEL.cache(100))
    cache = MODEL.cache(100)
    parts = [
        MODEL.forward(PROMPT[:3], cache),
        MODEL.forward(PROMPT[3:7], cache),
        MODEL.forward(PROMPT[7:], cache),
    ]
    assert np.allclose(np.concatenate(parts), whole, atol=1e-4)


def test_engine_answers_in_the_words_of_its_world() -> None:
    for request in REQUESTS:
        ids = greedy(MODEL.tokens.prompt([("human", request.told())], "assistant"))
        assert ids[-1] == MODEL.tokens.end
        assert read(request, MODEL.tokens.decode(ids[:-1])).exact, request.told()


@pytest.mark.parametrize("cut", [1, 4, 5, 9, 17, 23, 31, 40])
def test_engine_continues_a_cut_answer_as_if_it_had_not_been_cut(cut: int) -> None:
    answer = expected_help(REQUESTS[0])
    kept, word = MODEL.tokens.continuation(answer[:cut])
    more = [token for token, _ in generate(MODEL, PROMPT + kept, 48, Choice(), word)]
    assert kept + more == greedy(PROMPT)


def test_engine_samples_the_same_for_the_same_seed_and_otherwise_for_another() -> None:
    def sampled(seed: int) -> list[int]:
        choice = Choice(temperature=3.0, seed=seed)
        return [token for token, _ in generate(MODEL, PROMPT, 20, choice)]

    assert sampled(1) == sampled(1)
    assert len({tuple(sampled(seed)) for seed in range(4)}) > 1


def test_engine_samples_with_the_chances_it_reports() -> None:
    counts: Counter[int] = Counter()
    chances: dict[int, float] = {}
    prompt = MODEL.tokens.prompt([("human", "Hello")], "assistant")
    hidden = MODEL.forward(prompt, MODEL.cache(100))
    odds = MODEL.logits(hidden[-1]) / 2.0
    expected = np.exp(odds - odds.max()) / np.exp(odds - odds.max()).sum()
    for seed in range(600):
        token, chance = next(generate(MODEL, prompt, 1, Choice(temperature=2.0, seed=seed)))
        counts[token] += 1
        chances[token] = chance
    best = int(expected.argmax())
    assert abs(counts[best] / 600 - expected[best]) < 0.08


def test_engine_top_k_of_one_is_greedy() -> None:
    choice = Choice(temperature=5.0, top_k=1, seed=3)
    assert [token for token, _ in generate(MODEL, PROMPT, 48, choice)] == greedy(PROMPT)


def test_engine_log_probabilities_are_those_of_writing_it() -> None:
    written = list(generate(MODEL, PROMPT, 48, Choice()))
    ids = PROMPT + [token for token, _ in written]
    found = MODEL.log_probabilities(ids, len(PROMPT))
    assert np.allclose(found, [chance for _, chance in written], atol=1e-3)


def test_engine_refuses_more_than_it_can_read() -> None:
    with pytest.raises(InputError) as caught:
        MODEL.forward([5] * 1025, MODEL.cache(5000))
    assert caught.value.code == "pocket.too-long"


def test_engine_stops_at_the_limit_of_tokens() -> None:
    assert len(greedy(PROMPT, tokens_max=3)) == 3


def test_engine_refuses_a_folder_that_is_no_pocket_model(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_bytes((SHIPPED / "config.json").read_bytes())
    with pytest.raises(InputError) as caught:
        PocketModel.load(tmp_path)
    assert caught.value.code == "pocket.model-unusable"
