# environment: align
from pathlib import Path

import msgspec
import torch

from freehold.align.base import CARD_FILE, BaseRecipe, Card, Packer, build_base, rate
from freehold.align.checkpoint import weights_digest
from freehold.pocket.lm.engine import SHIPPED, PocketModel
from freehold.pocket.lm.tokens import PocketTokens

SHORT = BaseRecipe(steps=3, warmup_steps=1, rows=2, row_tokens=64)


def test_base_is_built_to_the_same_digest_again(tmp_path: Path) -> None:
    threads = torch.get_num_threads()
    one, two = build_base(SHORT, tmp_path / "one"), build_base(SHORT, tmp_path / "two")
    torch.set_num_threads(threads)
    assert (one.weights, one.data) == (two.weights, two.data)
    assert one.weights == weights_digest(tmp_path / "one")


def test_base_of_another_seed_has_other_weights_and_runs_in_numpy(tmp_path: Path) -> None:
    seen: list[int] = []
    other = build_base(
        msgspec.structs.replace(SHORT, seed=2), tmp_path / "x", lambda step, loss: seen.append(step)
    )
    assert other.weights != build_base(SHORT, tmp_path / "y").weights
    assert seen == [0, 1, 2]
    assert PocketModel.load(tmp_path / "x").digest == other.weights


def test_base_card_of_the_shipped_model_is_about_the_shipped_weights() -> None:
    card = msgspec.json.decode((SHIPPED / CARD_FILE).read_bytes(), type=Card)
    assert card.weights == weights_digest(SHIPPED)
    assert card.recipe == BaseRecipe()


def test_packer_fills_rows_end_to_end() -> None:
    tokens = PocketTokens.load(SHIPPED / "tokenizer.json")
    long, short = Packer(tokens, 1), Packer(tokens, 1)
    whole = long.row(300)[0]
    assert short.row(100)[0] + short.row(200)[0] == whole
    assert short.digest.hexdigest() == long.digest.hexdigest()


def test_rate_warms_up_and_falls() -> None:
    rates = [rate(BaseRecipe(), step) for step in (0, 50, 99, 1500, 2999)]
    assert rates[0] < rates[1] < rates[2]
    assert rates[2] > rates[3] > rates[4] > 0
