"""What evidence costs: `python -m bench.ledger` (a few minutes; give it an idle machine).

Durable call records a second, beside a naive loop (encode, leaf hash, tree, SQLite with full sync, batches of
100), SQLite as the primary store with larger batches and our index columns, and a plain file that is synced
every 100 records. Then the latency from `record` to durable under a steady 30,000 records a second, what a
caller pays, how long a whole verification takes as the ledger grows, and how large a receipt is.
"""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from bench.harness import Contender, Report, compare, environment, table
from freehold.clock import SystemClock, ulid
from freehold.ledger import FileSigner, Ledger, LedgerSettings, open_recorder
from freehold.ledger.facts import Facts, facts_of
from freehold.ledger.files import FileReader
from freehold.ledger.filestore import FileStore
from freehold.ledger.merkle import Frontier, leaf_hash
from freehold.ledger.receipt import make_receipt
from freehold.ledger.store import Batch
from freehold.ledger.verify import verify
from freehold.ledger.writer import hold_to_keys, open_spill
from freehold.types.names import Digest, HomeId, KeyId, PolicyId, WorkloadId
from freehold.types.records import CallRecord, Content, Cost, HomeFacts, PriceUsed, Tokens, Took

RECORDS_PER_ROUND = 30_000
ROUNDS = 5
PACE_PER_S = 30_000
PACE_S = 10
DIFFERENT_RECORDS = 50_000  # a growing ledger goes round in these
SIZES = (100_000, 300_000, 1_000_000)
IN_FLIGHT_MAX = 20_000
HOMES = (
    HomeFacts(home=HomeId("bedrock-use1"), vendor="anthropic", operator="aws", region="us-east-1",
              silicon="trainium2", api="bedrock", model="claude-sonnet"),
    HomeFacts(home=HomeId("vertex-euw4"), vendor="anthropic", operator="google", region="europe-west4",
              silicon="tpu-v6e", api="vertex", model="claude-sonnet"),
    HomeFacts(home=HomeId("own-h200"), vendor="own", operator="own", region="ber-1",
              silicon="h200", api="openai", model="llama-70b"),
)  # fmt: skip


def digest(source: random.Random) -> Digest:
    return Digest(f"sha256:{source.getrandbits(256):064x}")


def calls(count: int, seed: int = 7) -> list[CallRecord]:
    """Records as a gateway writes them: every head field that a call has, about 1,500 bytes each."""
    price = PriceUsed(
        fresh=3 * 10**9, cache_read=3 * 10**8, cache_write=375 * 10**7, output=15 * 10**9
    )  # fmt: skip
    unknown = {
        "tokens.cache_write": "not told",
        "attestation": "not verified here",
    }
    source, now_ns = random.Random(seed), 1_760_000_000_000_000_000
    estate, policy = digest(source), digest(source)
    return [
        CallRecord(
            id=ulid(now_ns + at * 33_000, source.randbytes(10)), time_ns=now_ns + at * 33_000, estate=estate,
            policy=PolicyId("default"), policy_digest=policy, workload=WorkloadId(("chat", "code")[at % 2]),
            planned=HOMES[0], actual=HOMES[source.choice((0, 0, 0, 1, 2))], actual_known="reported",
            tier="contract", outcome="ok", key=KeyId(f"k{at % 50}"), tags={"team": "search"},
            tokens=Tokens(
                fresh=source.randrange(4000), cache_read=0, reasoning=0, output=source.randrange(900)
            ),
            useful_flops="undisclosed", dialect="openai", stream=True, status=200, operation="chat",
            why_home="well, by price, by the file's order", finish="stop",
            vendor_id=f"chatcmpl-{source.getrandbits(120):030x}", unknown=unknown,
            cost=Cost(
                nano_usd=source.randrange(10**8), price=price, price_source="catalog",
                price_as_of="2026-11-01",
            ),
            took=Took(
                queue_us=12, first_content_us=source.randrange(10**6), total_us=source.randrange(10**7)
            ),
            request=Content(digest=digest(source), length=source.randrange(9000)),
            response=Content(digest=digest(source), length=source.randrange(3000)),
        )
        for at in range(count)
    ]  # fmt: skip


@contextmanager
def scratch() -> Iterator[Path]:
    """On the disk of the checkout: /tmp may be memory."""
    folder = Path(tempfile.mkdtemp(prefix=".bench-ledger-", dir=Path(__file__).parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def feed(ledger: Ledger, records: Sequence[CallRecord]) -> None:
    """As fast as it takes them; return once the last is durable and everything is indexed."""
    pause, before = threading.Event(), ledger._store.size()
    for at, entry in enumerate(records):
        ledger.record(entry)
        while at % 500 == 0 and len(ledger._intake) > IN_FLIGHT_MAX:
            pause.wait(0.001)
    while ledger._store.size() < before + len(records):
        pause.wait(0.001)
    ledger._store.catch_up()


def ours(records: Sequence[CallRecord]) -> None:
    with scratch() as folder:
        ledger = open_recorder(LedgerSettings(buffer_records=1_000_000), folder)
        feed(ledger, records)
        ledger.close()


def sqlite_loop(records: Sequence[CallRecord], batch: int, *, index: bool) -> None:
    """Encode, leaf hash, tree; records and frontier in one transaction with full sync."""
    encode = msgspec.json.Encoder().encode
    with scratch() as folder:
        database = sqlite3.connect(folder / "log.sqlite", isolation_level=None)
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")
        database.execute("CREATE TABLE log (seq INTEGER PRIMARY KEY, hash BLOB, leaf BLOB)")
        database.execute("CREATE TABLE frontier (one INTEGER PRIMARY KEY, size INTEGER, hashes BLOB)")
        if index:
            database.execute(f"CREATE TABLE records ({', '.join(Facts._fields)})")
            database.execute("CREATE INDEX by_id ON records (id)")
        frontier = Frontier()
        for start in range(0, len(records), batch):
            part = records[start : start + batch]
            leaves = [encode(entry) for entry in part]
            hashes = [leaf_hash(leaf) for leaf in leaves]
            frontier.extend(hashes)
            database.execute("BEGIN")
            rows = zip(range(start, start + len(part)), hashes, leaves, strict=True)
            database.executemany("INSERT INTO log VALUES (?, ?, ?)", rows)
            if index:
                facts = [facts_of(seq, entry) for seq, entry in enumerate(part, start)]
                database.executemany(
                    f"INSERT INTO records VALUES ({', '.join('?' * len(Facts._fields))})", facts
                )
            state = (frontier.size, b"".join(frontier.hashes()))
            database.execute("INSERT OR REPLACE INTO frontier VALUES (1, ?, ?)", state)
            database.execute("COMMIT")
        database.close()


def plain_file(records: Sequence[CallRecord], batch: int) -> None:
    """The floor: encoded lines in a file, synced; nothing can be proved with it."""
    encode = msgspec.json.Encoder().encode
    with scratch() as folder:
        file = os.open(folder / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        for start in range(0, len(records), batch):
            os.write(file, b"".join([encode(entry) + b"\n" for entry in records[start : start + batch]]))
            os.fdatasync(file)
        os.close(file)


class Timed(FileStore):
    """Says when each commit was durable, and what it took."""

    def __init__(self, folder: Path, origin: str) -> None:
        super().__init__(folder, origin)
        self.done: list[tuple[float, int]] = []
        self.commits: list[float] = []

    def append(self, batch: Batch) -> None:
        start = time.perf_counter()
        super().append(batch)
        end = time.perf_counter()
        self.commits.append(end - start)
        self.done.append((end, len(batch.leaves)))


def steady(per_s: int, seconds: int) -> list[str]:
    """`per_s` records a second, in steps of a millisecond: what they wait, and what the caller pays."""
    different = calls(DIFFERENT_RECORDS)
    records = [different[at % DIFFERENT_RECORDS] for at in range(per_s * seconds)]
    given: list[float] = []
    cost: list[float] = []
    with scratch() as folder:
        settings = LedgerSettings(buffer_records=1_000_000)
        signer = FileSigner.create("freehold/local", folder / "key.pem")
        store = Timed(folder / "log", signer.name)
        hold_to_keys(store, signer)
        spill = open_spill(folder / "spill", settings)
        ledger = Ledger(store, FileReader(folder / "log"), spill, signer, settings, SystemClock(), list)
        start, pause = time.perf_counter(), threading.Event()
        for at in range(0, len(records), per_s // 1000):
            behind_s = start + at / per_s - time.perf_counter()
            if behind_s > 0:
                pause.wait(behind_s)
            for entry in records[at : at + per_s // 1000]:
                before = time.perf_counter()
                ledger.record(entry)
                given.append(before)
                cost.append(time.perf_counter() - before)
        while store.size() < len(records):
            pause.wait(0.001)
        took_s = time.perf_counter() - start
        ledger.close()
    ended = [moment for moment, count in store.done for _ in range(count)]
    commits = store.commits
    waits = sorted(end - begun for end, begun in zip(ended, given, strict=True))
    return [
        f"{per_s:,} records/s offered for {seconds} s, {len(records) / took_s:,.0f}/s taken, "
        f"index and checkpoints on, {len(records) / len(commits):.0f} records a commit",
        f"at that rate, record to durable: {spread(waits)}; one commit, write and sync: {spread(commits)}",
        f"the caller's path at that rate: median {statistics.median(cost) * 1e6:.2f} us, "
        f"mean {statistics.mean(cost) * 1e6:.2f} us, p99 {at_ppm(cost, 990) * 1e3:.1f} us (goal 5 us)",
    ]


def at_ppm(values: Sequence[float], permille: int) -> float:
    """A quantile, in milliseconds."""
    return sorted(values)[min(len(values) - 1, len(values) * permille // 1000)] * 1e3


def spread(values: Sequence[float]) -> str:
    """Quantiles, in milliseconds."""
    return ", ".join(f"p{share / 10:g} {at_ppm(values, share):.1f} ms" for share in (500, 990, 999))


def growth() -> list[str]:
    """One ledger that grows: how long it takes to verify, how large a receipt is."""
    notes = []
    with scratch() as folder:
        different = calls(DIFFERENT_RECORDS)
        before = 0
        for size in SIZES:
            ledger = open_recorder(LedgerSettings(buffer_records=1_000_000), folder)
            feed(ledger, [different[at % DIFFERENT_RECORDS] for at in range(before, size)])
            ledger.close()
            before = size
            reader = FileReader(folder / "ledger" / "local")
            took = []
            for _ in range(3):
                start = time.perf_counter()
                report = verify(reader)
                took.append(time.perf_counter() - start)
                if not report.holds:
                    raise RuntimeError(f"the ledger does not hold: {report.findings}")
            receipt = make_receipt(reader, different[7].id)
            length = len(receipt.to_json()) if receipt else 0
            disk = sum(path.stat().st_size for path in reader.layout.folder.rglob("*"))
            start = time.perf_counter()
            open_recorder(LedgerSettings(), folder).close()
            opened = time.perf_counter() - start
            notes.append(
                f"{size:,} records: verified in {min(took):.2f} - {max(took):.2f} s "
                f"(goal: 1,000,000 in 10 s), opened again in {opened:.2f} s, "
                f"{disk / size:,.0f} bytes of disk a record, receipt {length:,} bytes (goal: under 3,000)"
            )
    return notes


def contender(name: str, run: Callable[[], object], note: str) -> Contender:
    return Contender(name=name, run=run, operations=RECORDS_PER_ROUND, note=note)


def main() -> None:
    records = calls(RECORDS_PER_ROUND)
    size = statistics.mean(len(msgspec.json.encode(entry)) for entry in records)
    rows = compare(
        [
            contender("the ledger", lambda: ours(records), "full sync, index and checkpoints on"),
            contender("naive loop", lambda: sqlite_loop(records, 100, index=False),
                      "SQLite, full sync, batches of 100, no index, nothing signed"),
            contender("SQLite as the store", lambda: sqlite_loop(records, 1000, index=True),
                      "full sync, batches of 1,000, with the ledger's index, nothing signed"),
            contender("plain file", lambda: plain_file(records, 100),
                      "synced every 100 lines; nothing can be proved with it"),
        ],
        rounds=ROUNDS,
    )  # fmt: skip
    where = environment()
    rates = ", ".join(f"{row.name} {1000 / row.wall_ms_median:,.0f}" for row in rows)
    notes = [f"records of {size:,.0f} bytes; durable records/s (median of {ROUNDS} rounds): {rates}"]
    notes += steady(PACE_PER_S, PACE_S)
    notes += growth()
    report = Report(question="ledger", environment=where, rows=rows, notes=tuple(notes))
    path = report.write()
    print(table(rows), *notes, msgspec.json.encode(report).decode(), sep="\n")
    print(f"written to {path}", file=sys.stderr)


if __name__ == "__main__":
    main()
