from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.dialects import DialectError, sse

PAIRS = [("", b"one"), ("named", b'{"a": 1}'), ("", "zwölf".encode())]
BODY = b"".join(sse.write(data, name) for name, data in PAIRS)


def read(frames: list[bytes]) -> list[tuple[str, bytes]]:
    return [(sse.name(frame), sse.payload(frame)) for frame in frames]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
@given(cuts=st.sets(st.integers(0, 120), max_size=10))
def test_any_line_end_and_any_chunking_give_the_same_pairs(end: bytes, cuts: set[int]) -> None:
    body = BODY.replace(b"\n", end)
    edges = sorted({0, len(body), *(cut for cut in cuts if cut < len(body))})
    reader = sse.SseReader()
    frames = [frame for a, b in itertools.pairwise(edges) for frame in reader.frames(body[a:b])]
    last = reader.rest()
    assert read([*frames, last] if last else frames) == PAIRS


def test_comments_and_other_fields_are_skipped() -> None:
    frames = sse.SseReader().frames(b": keep alive\n\nid: 7\nretry: 3\ndata: x\n\n")
    assert read(frames) == [("", b""), ("", b"x")]


def test_data_of_several_lines_is_joined() -> None:
    assert read(sse.SseReader().frames(b"data: a\ndata:b\n\n")) == [("", b"a\nb")]


def test_last_event_without_its_blank_line_is_read_at_the_close() -> None:
    reader = sse.SseReader()
    assert reader.frames(b"data: [DONE]\n") == []
    assert sse.payload(reader.rest()) == b"[DONE]"


def test_half_a_line_is_nothing() -> None:
    reader = sse.SseReader()
    reader.frames(b'data: {"a"')
    assert reader.rest() == b""


def test_event_without_an_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "EVENT_BYTES_MAX", 100)
    reader = sse.SseReader()
    with pytest.raises(DialectError) as told:
        for _ in range(20):
            reader.frames(b"data: xxxxx")
    assert told.value.code == "dialects.event-too-large"
