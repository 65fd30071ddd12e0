"""Every byte of everything that is signed, flipped: no change may pass. A sample, and all in `slow`."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from freehold.errors import FreeholdError
from freehold.seal.attest import Memo
from freehold.seal.attest.fake import evidence_set
from freehold.seal.attest.fake.sets import MAKERS
from tests.seal.attest.conftest import AT_S, Vectors, judge_fake

SAMPLE = 24
TEXT_FILES = (".pem", ".json", ".xml", ".jwt")


def flips(data: bytes, count: int | None, seed: str) -> Iterator[tuple[int, bytes]]:
    """`data` with one bit changed, at so many places or at all of them."""
    chooser = random.Random(seed)
    places = (
        range(len(data)) if count is None else sorted(chooser.sample(range(len(data)), min(count, len(data))))
    )
    for place in places:
        changed = bytearray(data)
        changed[place] ^= 1 << chooser.randrange(8)
        yield place, bytes(changed)


def signed_files(kind: str) -> list[str]:
    """Binary files of a set, each of which is signed in every byte or compared in full."""
    unsigned = (*TEXT_FILES, "ccel.bin")  # padded after its last event; the event log has tests of its own
    return [name for name, _ in evidence_set(kind, at_s=AT_S).files if not name.endswith(unsigned)]


BINARY = [
    pytest.param(kind, name, id=f"{kind}-{name}")
    for kind in MAKERS
    if kind != "snp+gpu"
    for name in signed_files(kind)
]
TEXT = [
    pytest.param("tdx", "tcb_info.json", id="tcb-info"),
    pytest.param("tdx", "qe_identity.json", id="qe-identity"),
    pytest.param("tdx", "tcb_signing_chain.pem", id="pem-chain"),
    pytest.param("azure", "evidence.json", id="azure"),
    pytest.param("nvidia", "gpu.json", id="gpu"),
    pytest.param("nvidia", "rim_driver.xml", id="rim"),
    pytest.param("token", "token.jwt", id="token"),
    pytest.param("nvidia-eat", "eat.json", id="eat"),
]


def accepted(kind: str, name: str, count: int | None) -> list[int]:
    """Places where a flip was accepted although it changed what is claimed or signed."""
    made, memo = evidence_set(kind, at_s=AT_S), Memo()
    good, original = [part.claims for part in judge_fake(made).parts], dict(made.files)[name]
    found = []
    for place, changed in flips(original, count, f"{kind} {name}"):
        try:
            result = judge_fake(made, files={name: changed}, memo=memo)
        except FreeholdError:
            continue
        same = [part.claims for part in result.parts] == good
        between_lines = original[place : place + 1] in (b"\n", b"\x00")  # of the PEM text inside a quote
        if result.passed and not (same and (name.endswith(TEXT_FILES) or between_lines)):
            found.append(place)
    return found


@pytest.mark.parametrize(("kind", "name"), BINARY)
def test_mutations_of_a_sample_of_bytes_are_refused(kind: str, name: str) -> None:
    assert accepted(kind, name, SAMPLE) == []


@pytest.mark.parametrize(("kind", "name"), TEXT)
def test_mutations_of_a_sample_of_text_change_nothing_that_is_claimed(kind: str, name: str) -> None:
    assert accepted(kind, name, SAMPLE) == []


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "name"), BINARY)
def test_mutations_of_every_byte_are_refused(kind: str, name: str) -> None:
    assert accepted(kind, name, None) == []


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "name"), TEXT)
def test_mutations_of_every_character_change_nothing_that_is_claimed(kind: str, name: str) -> None:
    assert accepted(kind, name, None) == []


GENOA = ("snp/genoa_v3/report.bin", "snp/genoa_v3/vcek.pem", "anchors/amd_genoa_vcek_chain.pem")
HOPPER = ("nvidia/hopper_535/report.hex", "nvidia/hopper_535/chain.pem")
REAL = [
    pytest.param("2026-03-01T00:00:00Z", GENOA, None, id="snp"),
    pytest.param("2022-10-13T08:58:02Z", ("nitro/beta_2022.bin",), None, id="nitro"),
    pytest.param("2026-03-01T00:00:00Z", HOPPER, None, id="nvidia"),
    pytest.param("2025-06-25T00:00:00Z", ("tdx/v4_uptodate/quote.dat",), 70, id="tdx"),
]


def accepted_of_real(
    vectors: Vectors, at: str, names: tuple[str, ...], tail: int | None, count: int | None
) -> list[int]:
    """The same for real evidence; the last `tail` bytes follow what is signed."""
    data = vectors.bytes(names[0])
    data = bytes.fromhex(data.decode()) if names[0].endswith(".hex") else data
    end = len(data) - (tail or 0)
    found, memo = [], Memo()
    for place, changed in flips(data[:end], count, names[0]):
        try:
            result = vectors.judge_bytes(at, (names[0], changed + data[end:]), *names[1:], memo=memo)
        except FreeholdError:
            continue
        if result.passed:
            found.append(place)
    return found


@pytest.mark.needs_data
@pytest.mark.parametrize(("at", "names", "tail"), REAL)
def test_mutations_of_real_evidence_are_refused(
    vectors: Vectors, at: str, names: tuple[str, ...], tail: int | None
) -> None:
    assert accepted_of_real(vectors, at, names, tail, SAMPLE) == []


@pytest.mark.slow
@pytest.mark.needs_data
@pytest.mark.parametrize(("at", "names", "tail"), REAL)
def test_mutations_of_every_byte_of_real_evidence_are_refused(
    vectors: Vectors, at: str, names: tuple[str, ...], tail: int | None
) -> None:
    assert accepted_of_real(vectors, at, names, tail, None) == []


@pytest.mark.parametrize("kind", [kind for kind in MAKERS if kind not in ("nvidia-eat", "token")])
@pytest.mark.parametrize("change", ["truncated", "extended", "doubled", "empty-tail"])
def test_mutations_of_length_never_crash_and_pass_only_with_a_note(kind: str, change: str) -> None:
    made = evidence_set(kind, at_s=AT_S)
    name, data = made.files[0]
    if change == "empty-tail" and kind.startswith("snp"):
        return  # zeros after a report are an empty certificate table
    bodies = {
        "truncated": data[:-1], "extended": data + b"\x01", "doubled": data + data,
        "empty-tail": data + bytes(64),
    }  # fmt: skip
    try:
        result = judge_fake(made, files={name: bodies[change]})
    except FreeholdError:
        return
    assert not result.passed or any("follow" in note for part in result.parts for note in part.notes)
