import msgspec

from freehold.types.homes import Price
from tests.gateway.running import MODEL, street


async def test_tokens_are_counted_by_a_home_of_another_dialect() -> None:
    body = {"model": "chat", "messages": [{"role": "user", "content": "to be or not"}]}
    async with street(("bedrock-converse",)) as place:
        got = await place.post(body, "/v1/messages/count_tokens")
        (record,) = place.kept.calls
    assert msgspec.json.decode(got.body)["input_tokens"] == 4
    assert record.outcome == "ok"


async def test_home_that_does_not_count_is_passed_over() -> None:
    body = {"model": "chat", "messages": [{"role": "user", "content": "to be or not"}]}
    async with street(("openai", "anthropic")) as place:
        got = await place.post(body, "/v1/messages/count_tokens")
    assert got.headers["x-freehold-home"] == "home1"


async def test_embeddings_are_made_and_moved_on_when_a_home_is_down() -> None:
    body = {"model": MODEL, "input": ["to be", "or not"]}
    async with street(("openai", "openai")) as place:
        await place.homes[0].stop()
        got = await place.post(body, "/v1/embeddings")
    assert len(msgspec.json.decode(got.body)["data"]) == 2
    assert got.headers["x-freehold-home"] == "home1"


async def test_batch_and_files_are_refused_by_name_in_the_dialect() -> None:
    async with street(("openai",)) as place:
        batch = await place.post({}, "/v1/messages/batches")
        files = await place.post({}, "/v1/files")
    assert (batch.status, msgspec.json.decode(batch.body)["type"]) == (501, "error")
    assert "file endpoints are not taken here" in files.error


async def test_embedding_is_priced_by_what_it_read() -> None:
    body = {"model": MODEL, "input": ["to be", "or not"]}
    async with street(("openai",), price=Price(input_nano_usd_per_mtok=1_000_000_000)) as place:
        await place.post(body, "/v1/embeddings")
        (record,) = place.kept.calls
    assert record.tokens is not None
    assert record.cost is not None
    assert (record.tokens.fresh, record.tokens.output, record.cost.nano_usd) == (4, 0, 4_000)
