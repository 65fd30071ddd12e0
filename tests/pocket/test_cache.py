from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from freehold.pocket import cache
from freehold.pocket.cache import PromptCache
from freehold.types.conversation import Conversation, Text, Turn

MARK = msgspec.Raw(b'{"type":"ephemeral"}')


def conversation(*texts: str, marked: int | None = None, **more: Any) -> Conversation:
    blocks = tuple(Text(text=text, cache=MARK if at == marked else None) for at, text in enumerate(texts))
    fields = {"model": "m", "turns": (Turn(role="user", blocks=blocks),), "dialect": "anthropic", **more}
    return Conversation(**fields)


@given(st.lists(st.tuples(st.sampled_from(["a b", "c", "d e f"]), st.booleans()), min_size=1, max_size=6))
def test_every_token_is_counted_once(parts: list[tuple[str, bool]]) -> None:
    kept = PromptCache()
    blocks = tuple(Text(text=text, cache=MARK if marked else None) for text, marked in parts)
    asked = Conversation(model="m", turns=(Turn(role="user", blocks=blocks),), dialect="anthropic")
    total = sum(len(text.split()) for text, _ in parts)
    for _ in range(2):
        counted = kept.count(asked, 0)
        assert counted.fresh + counted.read + counted.write == total
        assert min(counted.fresh, counted.read, counted.write) >= 0


def test_longest_prefix_seen_is_read_and_the_rest_written() -> None:
    kept = PromptCache()
    kept.count(conversation("one two", marked=0), 0)
    counted = kept.count(conversation("one two", "three", marked=1), 0)
    assert (counted.read, counted.write, counted.fresh) == (0, 3, 0)
    both = conversation("one two", "three four", marked=1)
    turns = (Turn(role="user", blocks=(Text(text="one two", cache=MARK), *both.turns[0].blocks[1:])),)
    counted = kept.count(msgspec.structs.replace(both, turns=turns), 0)
    assert (counted.read, counted.write) == (2, 2)


def test_another_model_reads_nothing_of_this_one() -> None:
    kept = PromptCache()
    kept.count(conversation("one two", marked=0), 0)
    assert kept.count(conversation("one two", marked=0, model="other"), 0).read == 0


def test_short_prompts_are_not_cached_without_a_mark() -> None:
    kept = PromptCache()
    for dialect in ("openai", "openai", "anthropic"):
        counted = kept.count(conversation("one two", dialect=dialect), 0)
        assert (counted.read, counted.write, counted.fresh) == (0, 0, 2)


def test_cache_keeps_a_bounded_number_of_prefixes(monkeypatch: Any) -> None:
    monkeypatch.setattr(cache, "ENTRIES_MAX", 3)
    kept = PromptCache()
    for number in range(5):
        kept.count(conversation(f"prompt {number}", marked=0), 0)
    reads = [kept.count(conversation(f"prompt {number}", marked=0), 0).read for number in (4, 0)]
    assert reads == [2, 0]
