import typing

import msgspec
import pytest

from freehold.types.names import RecordId
from freehold.types.records import (
    EXPECTED,
    RECORD_KINDS,
    AnyRecord,
    CallRecord,
    Cost,
    HomeFacts,
    Record,
    Tokens,
    Took,
    unexplained,
)

ID = RecordId("01ARZ3NDEKTSV4RRFFQ69G5FAV")
# What every record is to carry: the evidence that others will ask for.
EVIDENCE = {
    "seq", "time_ns", "estate", "policy", "policy_digest", "workload", "planned", "actual", "actual_known",
    "tier", "attestation", "tokens", "useful_flops", "cost", "took", "outcome",
    "verdicts", "key", "tags", "unknown",
}  # fmt: skip
HOME = {"home", "vendor", "operator", "region", "silicon", "api", "model"}


def types_in(kind: object, seen: set[object]) -> set[object]:
    """Every type that a field of a struct can hold, at any depth."""
    if kind in seen:
        return seen
    seen.add(kind)
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        for hint in typing.get_type_hints(kind).values():
            types_in(hint, seen)
    for part in typing.get_args(kind):
        types_in(part, seen)
    return seen


@pytest.mark.parametrize("kind", RECORD_KINDS)
def test_record_of_every_kind_carries_the_evidence(kind: str) -> None:
    assert set(RECORD_KINDS[kind].__struct_fields__) >= EVIDENCE


def test_home_is_recorded_in_full_as_planned_and_as_it_was() -> None:
    assert set(HomeFacts.__struct_fields__) == HOME
    assert set(Cost.__struct_fields__) >= {"nano_usd", "price", "price_source", "price_as_of"}
    assert set(Took.__struct_fields__) == {"queue_us", "first_content_us", "total_us"}
    assert set(Tokens.__struct_fields__) == {"fresh", "cache_read", "cache_write", "reasoning", "output"}


@pytest.mark.parametrize("kind", RECORD_KINDS)
def test_record_of_every_kind_holds_integers_only(kind: str) -> None:
    assert float not in types_in(RECORD_KINDS[kind], set())


@pytest.mark.parametrize("kind", RECORD_KINDS)
def test_record_of_every_kind_names_kind_and_version(kind: str) -> None:
    assert RECORD_KINDS[kind].__struct_config__.tag == f"{kind}/1"
    assert RECORD_KINDS[kind].__struct_config__.frozen


def test_record_keeps_its_kind_through_its_stored_form() -> None:
    entry = CallRecord(id=ID, time_ns=1, tokens=Tokens(fresh=3))
    assert msgspec.json.decode(msgspec.json.encode(entry), type=AnyRecord) == entry


def test_record_with_fields_of_a_later_version_is_still_read() -> None:
    stored = b'{"kind":"call/1","id":"x","time_ns":1,"carbon_mg":7}'
    assert isinstance(msgspec.json.decode(stored, type=AnyRecord), CallRecord)


def test_unknown_needs_a_reason() -> None:
    entry = CallRecord(id=ID, time_ns=1, unknown={"cost": "the catalog has no price for this home"})
    assert "cost" not in unexplained(entry)
    assert "tokens" in unexplained(entry)


def test_expected_fields_exist() -> None:
    for kind, names in EXPECTED.items():
        assert issubclass(RECORD_KINDS[kind], Record)
        assert set(names) <= set(RECORD_KINDS[kind].__struct_fields__)
