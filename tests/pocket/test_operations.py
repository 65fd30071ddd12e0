import pytest

from freehold.dialects import DialectError, Inbound
from freehold.pocket import PocketHome
from freehold.pocket.operations import DIMENSIONS_MAX, embed, models, vector_of
from tests.pocket.talk import ask


def test_vector_depends_on_the_text_and_has_length_one() -> None:
    assert vector_of("one", 16) == vector_of("one", 16) != vector_of("two", 16)
    assert sum(value * value for value in vector_of("one", 16)) == pytest.approx(1)


def test_vector_of_fewer_dimensions_points_the_same_way() -> None:
    long, short = vector_of("one", 32), vector_of("one", 8)
    assert [value / short[0] for value in short] == pytest.approx([value / long[0] for value in long[:8]])


def test_embeddings_of_too_many_dimensions_are_refused() -> None:
    body = {"model": "e", "input": "hi", "dimensions": DIMENSIONS_MAX + 1}
    assert ask(PocketHome(), body, "/v1/embeddings").status == 400


def test_embeddings_of_tokens_are_those_of_their_numbers() -> None:
    rows = ask(PocketHome(), {"model": "e", "input": [[1, 2], [1, 2], [3]]}, "/v1/embeddings").json["data"]
    assert rows[0]["embedding"] == rows[1]["embedding"] != rows[2]["embedding"]


def test_embeddings_where_the_vendor_has_none_are_not_found() -> None:
    inbound = Inbound(dialect="anthropic", operation="embed", surface="messages")
    with pytest.raises(DialectError) as caught:
        embed(inbound, b"{}")
    assert caught.value.status == 404


def test_models_are_those_the_home_has() -> None:
    listed = ask(PocketHome(models=["a", "b"]), path="/v1/models", method="GET").json
    assert [row["id"] for row in listed["data"]] == ["a", "b"]
    assert ask(PocketHome(models=["a"]), path="/v1/models/c", method="GET").status == 404


def test_models_by_name_are_any_where_any_will_do() -> None:
    inbound = Inbound(dialect="openai", operation="models", surface="model", model="whatever")
    assert b'"whatever"' in models(inbound, ())
