import shutil
from pathlib import Path

import pytest

from freehold.align.homes import SamplingHome
from freehold.errors import IntegrityError, UnavailableError
from freehold.pocket import PocketHome
from freehold.pocket.lm.engine import SHIPPED
from freehold.pocket.lm.home import ModelEngine
from freehold.pocket.lm.marks import talk
from freehold.pocket.lm.weights import WEIGHTS_FILE, digest_of
from freehold.pocket.lm.world import expected_help, meanings, split_of
from freehold.types.names import Digest
from freehold.types.sampling import NotSupported, SampleRequest, ScoreRequest

REQUEST = next(one for one in meanings() if split_of(one) == "eval" and one.classed == "benign")
SHIPPED_DIGEST = digest_of(SHIPPED / WEIGHTS_FILE)


def model_home() -> PocketHome:
    return PocketHome(engine=ModelEngine(), token="t")


def asked(text: str) -> SampleRequest:
    return SampleRequest(conversation=talk(text), max_tokens=48, temperature=0.0)


async def test_sampling_home_answers_with_the_weights_it_names() -> None:
    async with model_home().running() as url:
        samples = await SamplingHome(url, token="t").sample([asked(REQUEST.told())] * 3)
    assert [one.text for one in samples] == [expected_help(REQUEST)] * 3
    assert {one.weights_digest for one in samples} == {SHIPPED_DIGEST}
    assert samples[0].usage.output


async def test_sampling_home_takes_new_weights_and_counts_what_is_stale(tmp_path: Path) -> None:
    shutil.copytree(SHIPPED, tmp_path / "m")
    data = bytearray((tmp_path / "m" / WEIGHTS_FILE).read_bytes())
    data[-4] ^= 1  # other weights, by a little
    (tmp_path / "m" / WEIGHTS_FILE).write_bytes(data)
    digest = digest_of(tmp_path / "m" / WEIGHTS_FILE)
    home = model_home()
    async with home.running() as url:
        sampling = SamplingHome(url, token="t")
        await sampling.publish(tmp_path / "m" / WEIGHTS_FILE, digest)
        fresh = await sampling.sample([asked("Hello")])
        engine = home.engine
        assert isinstance(engine, ModelEngine)
        engine.load(SHIPPED, SHIPPED_DIGEST)
        await sampling.sample([asked("Hello")])
    assert fresh[0].weights_digest == digest
    assert sampling.stale == 1


async def test_publishing_weights_with_another_digest_changes_nothing() -> None:
    async with model_home().running() as url:
        sampling = SamplingHome(url, token="t")
        with pytest.raises(IntegrityError) as caught:
            await sampling.publish(SHIPPED / WEIGHTS_FILE, Digest("sha256:" + "0" * 64))
        assert await sampling.weights() == SHIPPED_DIGEST
    assert caught.value.code == "align.not-published"


async def test_publishing_to_a_home_that_is_gone_says_so() -> None:
    async with model_home().running() as url:
        pass
    with pytest.raises(UnavailableError) as caught:
        await SamplingHome(url, token="t").publish(SHIPPED / WEIGHTS_FILE, SHIPPED_DIGEST)
    assert caught.value.code == "align.sampler-away"


async def test_scoring_by_a_home_is_not_supported_and_says_why() -> None:
    found = await SamplingHome("http://127.0.0.1:1").score(
        [ScoreRequest(conversation=talk("x"), continuations=("a",))]
    )
    assert isinstance(found, NotSupported)


async def test_sampling_from_a_home_without_a_model_names_no_weights() -> None:
    async with PocketHome(token="t").running() as url:
        samples = await SamplingHome(url, token="t").sample([asked("Hello")])
    assert samples[0].weights_digest is None


async def test_sampling_a_conversation_too_long_is_told_as_the_dialect_does() -> None:
    async with model_home().running() as url:
        with pytest.raises(OSError, match="400"):
            await SamplingHome(url, token="t").sample([asked("goose " * 2000)])
