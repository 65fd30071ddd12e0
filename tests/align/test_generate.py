# environment: align
from pathlib import Path

import pytest
import torch
import transformers

from freehold.align.checkpoint import load_model
from freehold.align.generate import Generator, Sampling, choose, shared_prefix
from freehold.align.prompts import world_prompts
from freehold.pocket.lm.engine import SHIPPED
from freehold.pocket.lm.tokens import PocketTokens

TOKENS = PocketTokens.load(SHIPPED / "tokenizer.json")
MODEL = load_model(SHIPPED, device=torch.device("cpu"), dtype=torch.float32)
PROMPTS = [
    TOKENS.prompt([("human", prompt.asked)], "assistant")
    for classed in ("harmful", "border", "benign")
    for prompt in world_prompts("eval", classed, 12, 1)
]
GREEDY = Sampling(tokens_max=40, temperature=0.0)


def ours(rows_max: int = 128) -> Generator:
    return Generator(MODEL, end_ids=(TOKENS.end,), pad_id=TOKENS.pad, rows_max=rows_max)


def test_generate_greedy_is_transformers_token_for_token() -> None:
    model = transformers.LlamaForCausalLM.from_pretrained(SHIPPED).eval()
    made = ours().generate(PROMPTS, GREEDY)
    for prompt, one in zip(PROMPTS, made, strict=True):
        wanted = model.generate(
            torch.tensor([prompt]), attention_mask=torch.ones(1, len(prompt), dtype=torch.long),
            max_new_tokens=40, do_sample=False, eos_token_id=TOKENS.end, pad_token_id=TOKENS.pad,
        )[0, len(prompt) :].tolist()  # fmt: skip
        assert list(one.ids) == [token for token in wanted if token != TOKENS.end]
        assert one.ended


@pytest.mark.parametrize("rows_max", [1, 5, 128])
def test_generate_does_not_depend_on_the_batch(rows_max: int) -> None:
    how = Sampling(tokens_max=40, temperature=0.8, seed=7)
    wanted = [one.ids for one in ours().generate(PROMPTS, how)]
    assert [one.ids for one in ours(rows_max).generate(PROMPTS, how)] == wanted


def test_generate_with_a_shared_prefix_is_generate_without() -> None:
    long = TOKENS.prompt(
        [("human", "How do I mend my lamp?"), ("assistant", "To mend your lamp, take it.")], "human"
    )
    prompts = [long + prompt[2:] for prompt in PROMPTS[:6]]
    assert shared_prefix(prompts) > 8
    alone = [ours().generate([prompt], GREEDY)[0].ids for prompt in prompts]
    together = ours()
    assert [one.ids for one in together.generate(prompts, GREEDY)] == alone
    assert together.work.read_tokens < sum(len(prompt) for prompt in prompts)


def test_generate_log_probabilities_are_those_of_scoring() -> None:
    made = ours().generate(PROMPTS[:4], GREEDY)
    scored = ours().score(PROMPTS[:4], [[*one.ids, TOKENS.end] for one in made])
    for one, odds in zip(made, scored, strict=True):
        assert torch.allclose(torch.tensor(one.logprobs), torch.tensor(odds), atol=1e-3)


def test_score_next_is_the_last_row_of_the_logits() -> None:
    found = ours().score_next(PROMPTS, [3, 9])
    for prompt, row in zip(PROMPTS, found, strict=True):
        with torch.no_grad():
            odds = torch.log_softmax(MODEL.logits(MODEL(torch.tensor([prompt])))[0, -1], dim=-1)
        assert torch.allclose(row, odds[[3, 9]], atol=1e-4)


def test_score_generates_nothing() -> None:
    engine = ours()
    engine.score_next(PROMPTS, [3, 9])
    assert engine.work.written_tokens == 0


def test_generate_stops_where_the_text_is_asked_to() -> None:
    made = ours().generate(PROMPTS[:3], GREEDY, stop=lambda ids: len(ids) == 4)
    assert [len(one.ids) for one in made] == [4, 4, 4]


def test_generate_at_the_limit_has_not_ended() -> None:
    made = ours().generate(PROMPTS[:3], Sampling(tokens_max=2, temperature=0.0))
    assert [(len(one.ids), one.ended) for one in made] == [(2, False)] * 3


def test_choose_draws_by_the_chances() -> None:
    logits = torch.tensor([[0.0, 1.0, 2.0]]).expand(4000, 3)
    draws = torch.rand(4000, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    chosen, _ = choose(logits, draws, Sampling(tokens_max=1, temperature=1.0))
    shares = torch.bincount(chosen, minlength=3) / 4000
    assert torch.allclose(shares, torch.softmax(logits[0], dim=0), atol=0.03)


def test_choose_top_p_never_takes_the_tail() -> None:
    logits = torch.tensor([[0.0, 1.0, 5.0]]).expand(500, 3)
    draws = torch.linspace(0, 0.999999, 500, dtype=torch.float64)
    chosen, _ = choose(logits, draws, Sampling(tokens_max=1, top_p=0.5))
    assert chosen.unique().tolist() == [2]


@pytest.mark.parametrize("name", ["qwen2", "qwen3"])
def test_generate_greedy_is_transformers_for_other_families(name: str, tmp_path: Path) -> None:
    small = {
        "vocab_size": 61, "hidden_size": 48, "intermediate_size": 80, "num_hidden_layers": 2,
        "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 128, "head_dim": 12,
        "initializer_range": 0.3,
    }  # fmt: skip
    torch.manual_seed(1)
    config = transformers.Qwen2Config(**small) if name == "qwen2" else transformers.Qwen3Config(**small)
    theirs = transformers.AutoModelForCausalLM.from_config(config).eval()
    theirs.save_pretrained(tmp_path)
    model = load_model(tmp_path, device=torch.device("cpu"), dtype=torch.float32)
    prompts = [[1, 2, 3], [4, 5, 6, 7, 8], [9]]
    made = Generator(model, end_ids=(60,)).generate(prompts, Sampling(tokens_max=12, temperature=0.0))
    for prompt, one in zip(prompts, made, strict=True):
        wanted = theirs.generate(
            torch.tensor([prompt]), max_new_tokens=12, do_sample=False, eos_token_id=60, pad_token_id=0,
            attention_mask=torch.ones(1, len(prompt), dtype=torch.long),
        )[0, len(prompt) :].tolist()  # fmt: skip
        assert list(one.ids) == [token for token in wanted if token != 60]
