from __future__ import annotations

import pytest
from botocore.eventstream import EventStreamBuffer
from hypothesis import given
from hypothesis import strategies as st

from freehold.dialects import DialectError, eventstream
from tests.dialects import homes

names = st.text(st.characters(codec="ascii", exclude_categories=("Cc",)), min_size=1, max_size=40)


@given(st.dictionaries(names, st.text(st.characters(exclude_categories=("Cs",)), max_size=60), max_size=4),
       st.binary(max_size=200))  # fmt: skip
def test_frame_is_what_botocore_reads(headers: dict[str, str], payload: bytes) -> None:
    buffer = EventStreamBuffer()
    buffer.add_data(eventstream.write(headers, payload))
    message = next(iter(buffer))
    assert (message.headers, message.payload) == (headers, payload)


def test_reader_reads_what_was_packed_elsewhere() -> None:
    frames = eventstream.EventStreamReader().feed(homes.frame("metadata", {"a": 1}))
    assert frames[0][0][":event-type"] == "metadata"
    assert frames[0][1] == b'{"a": 1}'


@pytest.mark.parametrize("at", [0, 5, 9, 14, 40, -1])
def test_damaged_frame_is_an_error(at: int) -> None:
    frame = bytearray(eventstream.write_event("x", b"{}" * 20))
    frame[at] ^= 0xFF
    with pytest.raises(DialectError) as told:
        eventstream.EventStreamReader().feed(bytes(frame))
    assert told.value.code == "dialects.broken-event-stream"


def test_enormous_frame_is_refused_before_it_is_held() -> None:
    import struct
    import zlib

    prelude = struct.pack(">II", 1 << 31, 0)
    with pytest.raises(DialectError):
        eventstream.EventStreamReader().feed(prelude + zlib.crc32(prelude).to_bytes(4, "big"))


def test_half_a_frame_is_partial() -> None:
    reader = eventstream.EventStreamReader()
    assert reader.feed(eventstream.write_event("x", b"{}")[:10]) == []
    assert reader.partial
