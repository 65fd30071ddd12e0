import pytest

from freehold.errors import InputError
from freehold.pocket import PocketHome, engine
from freehold.pocket.engine import ENGINES, Reloadable
from freehold.pocket.lm.engine import SHIPPED
from tests.pocket.talk import Heard, ask, said, send, using

TOKEN = {"x-pocket-token": "t"}


@pytest.mark.parametrize("name", sorted(ENGINES))
def test_engine_answers_and_streams_the_same_text(name: str) -> None:
    home = PocketHome(engine=engine(name))
    body = said("The capital of the land", max_completion_tokens=8)
    whole = ask(home, body).json["choices"][0]["message"]["content"]
    streamed = ask(home, {**body, "stream": True})
    assert whole
    assert streamed.body.endswith(b"data: [DONE]\n\n")


def test_engine_that_is_not_there_names_the_closest() -> None:
    with pytest.raises(InputError) as caught:
        engine("modle")
    assert "'model'" in caught.value.why


def test_weights_are_told_and_changed_once_their_digest_holds() -> None:
    model = engine("model")
    assert isinstance(model, Reloadable)

    async def use(url: str) -> list[Heard]:
        path = "/_pocket/weights"
        new = {"folder": str(SHIPPED), "digest": model.weights}
        wrong = {"folder": str(SHIPPED), "digest": "sha256:" + "0" * 64}
        return [
            await send(url, None, path, method="GET", headers=TOKEN),
            await send(url, new, path, method="PUT", headers=TOKEN),
            await send(url, wrong, path, method="PUT", headers=TOKEN),
            await send(url, {"folder": 1}, path, method="PUT", headers=TOKEN),
            await send(url, None, path, method="GET"),
        ]

    heard = using(PocketHome(engine=model, token="t"), use)
    assert [one.status for one in heard] == [200, 200, 409, 400, 401]
    assert heard[0].json == heard[1].json == {"digest": model.weights}


def test_weights_of_an_engine_without_any_are_not_found() -> None:
    heard = ask(PocketHome(token="t"), None, "/_pocket/weights", method="GET", headers=TOKEN)
    assert heard.status == 404
