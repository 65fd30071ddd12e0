from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from freehold.ledger import Ledger
from freehold.ledger.facts import facts_in, facts_of
from freehold.ledger.files import FileReader
from freehold.ledger.query import Filters, GroupBy, Total, matches, matching, totals
from freehold.types.names import HomeId, WorkloadId
from freehold.types.records import CallRecord, Cost, HomeFacts, Tokens

Call = Callable[..., CallRecord]
Start = Callable[..., Ledger]
Kept = Callable[..., FileReader]


@pytest.fixture
def mixed(start: Start, call: Call, place: Path) -> FileReader:
    """Six calls: two workloads, two homes, one failed, one of unknown cost."""
    ledger = start()
    for number in range(6):
        ledger.record(
            call(
                number, workload=WorkloadId(("chat", "code")[number % 2]),
                actual=HomeFacts(home=HomeId("east" if number < 4 else "west")),
                outcome="failed" if number == 5 else "ok",
                tokens=None if number == 5 else Tokens(fresh=10, cache_read=5, output=2),
                cost=Cost() if number == 5 else Cost(nano_usd=100),
            )
        )  # fmt: skip
    ledger.close()
    return FileReader(place)


def found(reader: FileReader, **filters: object) -> list[int]:
    with closing(reader.searchable()) as database:
        return [facts.seq for facts in matching(database, Filters(**filters), 100)]


def test_query_filters_by_each_field_and_all_together(mixed: FileReader, call: Call) -> None:
    assert found(mixed) == [0, 1, 2, 3, 4, 5]
    assert found(mixed, workload="chat") == [0, 2, 4]
    assert found(mixed, home="west") == [4, 5]
    assert found(mixed, outcome="failed") == [5]
    assert found(mixed, kind="alarm") == []
    assert found(mixed, since_ns=call(2).time_ns, until_ns=call(4).time_ns) == [2, 3]
    assert found(mixed, workload="code", home="west", key="k1") == [5]


def test_query_gives_the_newest_where_there_are_too_many(mixed: FileReader) -> None:
    with closing(mixed.searchable()) as database:
        assert [facts.seq for facts in matching(database, Filters(), 2)] == [4, 5]


def test_query_gives_the_same_without_an_index(mixed: FileReader) -> None:
    before = found(mixed, home="east")
    mixed.layout.index.unlink()
    assert found(mixed, home="east") == before


def test_query_sees_what_is_not_indexed_yet(mixed: FileReader, kept: Kept) -> None:
    index = mixed.layout.index.read_bytes()
    kept(3)
    mixed.layout.index.write_bytes(index)
    assert len(found(mixed)) == 9


def test_totals_add_what_is_known_and_count_what_is_not(mixed: FileReader) -> None:
    with closing(mixed.searchable()) as database:
        (total,) = totals(database, Filters())
    assert total == Total(
        group=None, records=6, tokens_in=75, tokens_out=10, nano_usd=500, tokens_unknown=1, cost_unknown=1
    )


@pytest.mark.parametrize(("by", "groups"), [("workload", {"chat", "code"}), ("outcome", {"ok", "failed"})])
def test_totals_are_grouped(mixed: FileReader, by: GroupBy, groups: set[str]) -> None:
    with closing(mixed.searchable()) as database:
        assert {total.group for total in totals(database, Filters(), by)} == groups


def test_totals_of_nothing_known_are_unknown(mixed: FileReader) -> None:
    with closing(mixed.searchable()) as database:
        (total,) = totals(database, Filters(outcome="failed"))
    assert (total.tokens_in, total.nano_usd) == (None, None)


def test_facts_of_a_record_are_those_of_its_stored_bytes(mixed: FileReader, call: Call) -> None:
    import msgspec

    for seq, leaf in enumerate(mixed.leaves(0, 6)):
        assert facts_in(seq, leaf) == facts_of(seq, msgspec.json.decode(leaf, type=CallRecord))


def test_filters_in_memory_agree_with_the_database(mixed: FileReader) -> None:
    filters = Filters(workload="code", home="west")
    facts = [facts_in(seq, leaf) for seq, leaf in enumerate(mixed.leaves(0, 6))]
    assert [one.seq for one in facts if matches(one, filters)] == found(mixed, workload="code", home="west")
