import msgspec
from hypothesis import given
from hypothesis import strategies as st

from freehold.gateway.affinity import (
    BLOCK_BYTES,
    BLOCKS_MAX,
    KEPT_SECONDS,
    Memory,
    draw_of,
    prefix_of,
    salt_of,
)


def body(*texts: str, system: str = "be brief", **fields: object) -> bytes:
    turns = [{"role": "system", "content": system}]
    turns += [
        {"role": "user" if place % 2 == 0 else "assistant", "content": text}
        for place, text in enumerate(texts)
    ]
    return msgspec.json.encode({"model": "m", **fields, "messages": turns, "stream": True})


def chain_of(data: bytes) -> tuple[int, ...]:
    found = prefix_of(data)
    assert found is not None
    return found.chain


def test_next_turn_begins_with_the_blocks_of_the_one_before() -> None:
    before, after = chain_of(body("hello")), chain_of(body("hello", "hi", "and now?"))
    assert after[: len(before)] == before


def test_conversation_keeps_its_root_and_another_has_another() -> None:
    first, later, other = prefix_of(body("hello")), prefix_of(body("hello", "hi")), prefix_of(body("hey"))
    assert first is not None and later is not None and other is not None
    assert first.root == later.root != other.root


def test_tools_and_system_are_part_of_the_beginning() -> None:
    plain = {"system": "s", "messages": [{"role": "user", "content": "x"}]}
    tools = {**plain, "tools": [{"name": "t"}]}
    assert chain_of(msgspec.json.encode(plain)) != chain_of(msgspec.json.encode(tools))


def test_prompt_cache_key_names_the_conversation() -> None:
    one, two = prefix_of(body("a", prompt_cache_key="k")), prefix_of(body("b", prompt_cache_key="k"))
    assert one is not None and two is not None and one.root == two.root


def test_long_document_is_cut_so_that_questions_about_it_share_its_blocks() -> None:
    document = "word " * 5000
    one, two = chain_of(body(document + "what?")), chain_of(body(document + "why?"))
    shared = sum(a == b for a, b in zip(one, two, strict=True))
    assert len(one) - 2 <= shared < len(one) == 1 + -(-len(body(document)) // BLOCK_BYTES)


def test_every_dialect_has_a_beginning() -> None:
    text = {"role": "user", "parts": [{"text": "x"}]}
    for request in (
        {"contents": [text]}, {"input": "x"}, {"input": [text], "instructions": "i"},
        {"messages": [text], "system": [{"text": "s"}], "toolConfig": {}},
    ):  # fmt: skip
        assert prefix_of(msgspec.json.encode(request)) is not None


def test_request_without_a_prompt_has_none() -> None:
    assert prefix_of(b"{}") is None
    assert prefix_of(b'{"messages": 7}') is None
    assert prefix_of(b"not json") is None


def test_memory_knows_who_has_seen_the_most() -> None:
    memory = Memory()
    a, b = memory.bit("a"), memory.bit("b")
    memory.saw((1, 2), a, 0.0)
    memory.saw((1, 2, 3), b, 0.0)
    assert memory.holders((1, 2, 3, 4)) == (b, 3)
    assert memory.holders((1, 2)) == (a | b, 2)
    assert memory.holders((9,)) == (0, 0)


def test_memory_is_bounded_and_forgets_what_was_not_seen_for_long() -> None:
    memory = Memory(blocks_max=100)
    bit = memory.bit("a")
    for hash_ in range(1000):
        memory.saw((7, hash_ + 10), bit, 0.0)
    assert len(memory) <= 102
    assert memory.holders((7,)) == (bit, 1)  # seen again and again
    assert memory.holders((11,)) == (0, 0)


def test_memory_forgets_with_time() -> None:
    memory = Memory()
    bit = memory.bit("a")
    for now in (0.0, KEPT_SECONDS + 1, 2 * KEPT_SECONDS + 2):
        memory.saw((int(now) + 1,), bit, now)
    assert memory.holders((1,)) == (0, 0)


def test_too_many_homes_are_not_confused_with_each_other() -> None:
    memory = Memory()
    bits = [memory.bit(str(number)) for number in range(80)]
    assert len({bit for bit in bits if bit}) == 62 and bits[-1] == 0
    memory.saw((1,), bits[-1], 0.0)
    assert memory.holders((1,)) == (0, 0)


def test_draws_spread_conversations_evenly_and_stay_when_a_home_goes() -> None:
    homes = ["a", "b", "c", "d"]
    first = {root: max(homes, key=lambda home: draw_of(root, salt_of(home))) for root in range(4000)}
    counts = [list(first.values()).count(home) for home in homes]
    assert max(counts) < 1.15 * min(counts)
    without = {root: max(homes[1:], key=lambda home: draw_of(root, salt_of(home))) for root in first}
    assert all(without[root] == home for root, home in first.items() if home != "a")


@given(st.binary(max_size=200), st.integers(0, 300))
def test_any_body_has_few_blocks_or_none(noise: bytes, turns: int) -> None:
    prefix_of(noise)
    assert len(chain_of(body(*["x" * 20] * turns))) <= BLOCKS_MAX
