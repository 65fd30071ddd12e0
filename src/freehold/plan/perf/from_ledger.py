"""The records that say something of the speed of chips, out of the ledger: calls, jobs and training steps.

The index says where they are; the stored leaves say what they were. Archived records are passed over: what is
measured should be recent anyway.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing

import msgspec

from freehold.errors import InputError
from freehold.ledger.query import Filters, matching
from freehold.ledger.store import Reader
from freehold.types.records import AnyRecord, CallRecord, JobRecord, StepRecord

KINDS = ("call", "job", "step")
RECORDS_PER_HOME_MAX = 20_000  # the newest of each kind and home, per writer
LEAVES_APART_MAX = 512  # places closer than this are read in one go

_decoder: msgspec.json.Decoder[CallRecord | JobRecord | StepRecord] = msgspec.json.Decoder(
    CallRecord | JobRecord | StepRecord
)


def ledgered(
    readers: Iterable[Reader], homes: Iterable[str], since_ns: int | None = None
) -> Iterator[AnyRecord]:
    """What ran at these homes since then, writer by writer."""
    wanted = sorted(homes)
    for reader in readers:
        places = _places(reader, wanted, since_ns)
        for start, stop in _runs(places):
            leaves = zip(range(start, stop), reader.leaves(start, stop), strict=True)
            yield from (_decoded(reader, leaf) for place, leaf in leaves if place in places)


def _places(reader: Reader, homes: Sequence[str], since_ns: int | None) -> dict[int, None]:
    """Where in the writer's tree they are, in order."""
    first = reader.archived_size()
    found: list[int] = []
    with closing(reader.searchable()) as database:
        for home in homes:
            for kind in KINDS:
                filters = Filters(kind=kind, home=home, since_ns=since_ns)
                found += [one.seq for one in matching(database, filters, RECORDS_PER_HOME_MAX)]
    return dict.fromkeys(sorted(seq for seq in found if seq >= first))


def _runs(places: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Stretches to read at once; a file is not opened for every record."""
    start = stop = -1
    for place in places:
        if start < 0:
            start = place
        elif place - stop > LEAVES_APART_MAX:
            yield start, stop
            start = place
        stop = place + 1
    if start >= 0:
        yield start, stop


def _decoded(reader: Reader, leaf: bytes) -> AnyRecord:
    try:
        return _decoder.decode(leaf)
    except msgspec.DecodeError as error:
        raise InputError(
            f"a record of the writer {reader.writer!r} cannot be read",
            why=str(error),
            fix="run freehold ledger verify; a newer version of Freehold may have written it",
            code="plan.bad-records",
        ) from error
