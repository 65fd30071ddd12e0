import io

from hypothesis import given
from hypothesis import strategies as st

from freehold.ledger.merkle import Frontier, leaf_hash
from freehold.ledger.segment import frames, pack, read_entries, split, whole

batches = st.lists(
    st.lists(st.binary(min_size=1, max_size=300), min_size=1, max_size=8), min_size=1, max_size=6
)


def packed(parts: list[list[bytes]]) -> bytes:
    frontier, data = Frontier(), b""
    for leaves in parts:
        first = frontier.size
        frontier.extend([leaf_hash(leaf) for leaf in leaves])
        data += pack(first, leaves, frontier)
    return data


@given(batches)
def test_segment_gives_back_what_was_packed(parts: list[list[bytes]]) -> None:
    file = io.BytesIO(packed(parts))
    found = [list(split(read_entries(file, frame))) for frame in list(frames(file))]
    assert found == parts


@given(batches, st.data())
def test_segment_cut_anywhere_gives_back_the_commits_before_the_cut(
    parts: list[list[bytes]], data: st.DataObject
) -> None:
    bytes_ = packed(parts)
    cut = data.draw(st.integers(0, len(bytes_) - 1))
    file = io.BytesIO(bytes_[:cut])
    good = [frame for frame in list(frames(file)) if whole(frame, read_entries(file, frame))]
    assert len(good) < len(parts)
    assert len(packed(parts[: len(good)])) <= cut


@given(batches, st.data())
def test_segment_with_one_bit_changed_is_noticed(parts: list[list[bytes]], data: st.DataObject) -> None:
    bytes_ = bytearray(packed(parts))
    at, bit = data.draw(st.integers(0, len(bytes_) - 1)), data.draw(st.integers(0, 7))
    bytes_[at] ^= 1 << bit
    file = io.BytesIO(bytes(bytes_))
    found = list(frames(file))
    assert len(found) < len(parts) or not all(whole(frame, read_entries(file, frame)) for frame in found)


@given(st.binary(max_size=400))
def test_segment_reader_survives_any_bytes(data: bytes) -> None:
    file = io.BytesIO(data)
    found = list(frames(file))
    assert [frame.offset for frame in found] == sorted({frame.offset for frame in found})
    for frame in found:
        whole(frame, read_entries(file, frame))
        list(split(read_entries(file, frame)))
