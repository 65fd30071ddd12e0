import asyncio
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from freehold.errors import IntegrityError, UnavailableError
from freehold.ledger import FileSigner, Ledger, LedgerSettings, open_recorder
from freehold.ledger.checkpoint import Checkpoint
from freehold.ledger.export import export
from freehold.ledger.keychain import current
from freehold.ledger.note import Note, Verifier
from freehold.ledger.proofs import prove_consistency
from freehold.ledger.query import Filters, totals
from freehold.ledger.receipt import check_receipt, make_receipt
from freehold.ledger.rotate import rotate_file_key
from freehold.ledger.verify import verify
from freehold.types.contracts import Admit, Refused
from freehold.types.homes import Policy
from freehold.types.records import CallRecord

psycopg = pytest.importorskip("psycopg", reason="needs freehold[postgres]")
from freehold.ledger.postgres import PostgresReader, PostgresStore, origins  # noqa: E402  # after the skip

Call = Callable[..., CallRecord]
Begin = Callable[..., Ledger]
STARTS_MAX = 1500  # looks, a fiftieth of a second apart
ReaderOf = Callable[..., PostgresReader]


class Server:
    """A PostgreSQL of our own on a Unix socket; it refuses to run as root, so root runs it as nobody."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self._programs, self.folder = programs, folder
        self._user = "nobody" if os.getuid() == 0 else None
        if self._user:
            os.chown(folder, pwd.getpwnam(self._user).pw_uid, pwd.getpwnam(self._user).pw_gid)
        words = ("initdb", "-D", f"{folder}/data", "-A", "trust", "-U", "freehold", "--no-sync")
        with self._open(*words) as done:
            assert done.wait(60) == 0
        self.start()

    def _open(self, program: str, *words: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [str(self._programs / program), *words], user=self._user, cwd=self.folder,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip

    def start(self) -> None:
        """After a crash it does not start while a child of the killed one still holds the shared memory."""
        words = ("-D", f"{self.folder}/data", "-k", str(self.folder), "-h", "")
        self._process = self._open("postgres", *words)
        for _ in range(STARTS_MAX):
            if self._process.poll() is not None:
                self._process = self._open("postgres", *words)
            try:
                psycopg.connect(self.database("postgres")).close()
                return
            except psycopg.OperationalError:
                threading.Event().wait(0.02)  # it is still starting
        raise AssertionError("PostgreSQL does not start")

    def crash(self) -> None:
        """At once, without a checkpoint: what was not synced is gone."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(60)

    def database(self, name: str) -> str:
        return f"host={self.folder} user=freehold dbname={name}"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    found = [Path(name).parent for name in [shutil.which("initdb")] if name]
    found += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    if not found:
        pytest.skip("needs PostgreSQL's programs: apt-get install postgresql")
    memory = Path("/dev/shm")  # where there is one: a database is thousands of small files
    folder = Path(tempfile.mkdtemp(prefix="freehold-pg-", dir=memory if memory.is_dir() else None))
    server = Server(found[0], folder)
    yield server
    server.crash()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def database(server: Server, request: pytest.FixtureRequest) -> str:
    """A database of this test's own."""
    name = f"t{abs(hash(request.node.name))}"
    with psycopg.connect(server.database("postgres"), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        connection.execute(f"CREATE DATABASE {name}")
    return server.database(name)


@pytest.fixture
def begin(database: str, settings: LedgerSettings, tmp_path: Path) -> Iterator[Callable[..., Ledger]]:
    opened: list[Ledger] = []

    def open_one(**changes: object) -> Ledger:
        chosen = msgspec.structs.replace(settings, store="postgres", **changes)
        opened.append(open_recorder(chosen, tmp_path, database=database))
        return opened[-1]

    yield open_one
    for ledger in opened:
        if not ledger.closed:
            ledger.close()


def give(ledger: Ledger, call: Call, start: int, stop: int) -> None:
    for number in range(start, stop):
        ledger.record(call(number))
    asyncio.run(ledger.durable(call(stop - 1).id))


@pytest.fixture
def reader_of() -> Iterator[Callable[..., PostgresReader]]:
    opened: list[PostgresReader] = []

    def read(database: str, writer: str = "local") -> PostgresReader:
        opened.append(PostgresReader(database, f"freehold/{writer}"))
        return opened[-1]

    yield read
    for reader in opened:
        reader.close()


def test_records_are_durable_and_proved(begin: Begin, call: Call, database: str, reader_of: ReaderOf) -> None:
    ledger = begin()
    give(ledger, call, 0, 700)
    ledger.close()
    reader = reader_of(database)
    receipt = make_receipt(reader, call(300).id)
    key = current(reader.keys())
    assert receipt is not None and key is not None
    assert check_receipt(receipt, [key]).index == 300
    assert verify(reader).holds


def test_ledger_goes_on_where_it_ended(begin: Begin, call: Call, database: str, reader_of: ReaderOf) -> None:
    for round_ in range(3):
        ledger = begin()
        give(ledger, call, round_ * 300, round_ * 300 + 300)
        ledger.close()
    reader = reader_of(database)
    assert [msgspec.json.decode(leaf)["seq"] for leaf in reader.leaves(0, 900)] == list(range(900))
    assert verify(reader).holds
    history = reader.history()
    assert prove_consistency(reader, history[0], history[-1]).new == 900


def test_key_rotates_in_a_database_too(
    begin: Begin, call: Call, database: str, reader_of: ReaderOf, settings: LedgerSettings, tmp_path: Path
) -> None:
    ledger = begin()
    give(ledger, call, 0, 10)
    ledger.close()
    first = current(reader_of(database).keys())
    chosen = msgspec.structs.replace(settings, store="postgres")
    rotate_file_key(tmp_path / "ledger" / "local", chosen, actor="ada", database=database)
    ledger = begin()
    give(ledger, call, 20, 30)
    ledger.close()
    reader = reader_of(database)
    receipt = make_receipt(reader, call(25).id)
    assert receipt is not None and first is not None and current(reader.keys()) != first
    assert check_receipt(receipt, [first]).index == 16, "ten, the hand-over, and five"
    assert verify(reader, [first]).holds


def test_second_writer_of_one_name_is_refused(begin: Begin) -> None:
    begin()
    with pytest.raises(UnavailableError) as caught:
        begin()
    assert caught.value.code == "ledger.locked"


def test_writers_in_one_database_record_each_others_checkpoints(
    begin: Begin, call: Call, database: str, reader_of: ReaderOf
) -> None:
    one, two = begin(writer="one"), begin(writer="two")
    give(one, call, 0, 5)
    one.close()
    two.cross()
    two.close()
    reader = reader_of(database, "two")
    (crossing,) = reader.of_kind("checkpoint", 9)
    record = msgspec.json.decode(next(reader.leaves(crossing, crossing + 1)))
    assert (record["origin"], record["size"]) == ("freehold/one", 5)
    assert origins(database) == ["freehold/one", "freehold/two"]


def test_database_restarted_in_the_middle_loses_nothing(
    begin: Begin, call: Call, database: str, reader_of: ReaderOf, server: Server
) -> None:
    ledger = begin()
    give(ledger, call, 0, 50)
    server.crash()
    for number in range(50, 400):
        ledger.record(call(number))
    while ledger.failing is None:
        asyncio.run(asyncio.sleep(0.005))
    assert isinstance(ledger.admit(Policy(evidence="strict")), Refused)
    server.start()
    asyncio.run(ledger.durable(call(399).id))
    give(ledger, call, 400, 450)
    ledger.close()
    reader = reader_of(database)
    stored = [msgspec.json.decode(leaf)["id"] for leaf in reader.leaves(0, reader.size())]
    assert stored == [call(number).id for number in range(450)]
    assert verify(reader).holds


def test_writer_starts_while_the_database_is_away(
    begin: Begin, call: Call, database: str, reader_of: ReaderOf, server: Server
) -> None:
    ledger = begin()
    give(ledger, call, 0, 20)
    ledger.close()
    server.crash()
    ledger = begin()
    for number in range(20, 60):
        ledger.record(call(number))
    while ledger.failing is None:
        asyncio.run(asyncio.sleep(0.005))
    assert ledger.admit(Policy()) == Admit()
    assert isinstance(ledger.admit(Policy(evidence="strict")), Refused)
    server.start()
    asyncio.run(ledger.durable(call(59).id))
    ledger.close()
    reader = reader_of(database)
    stored = [msgspec.json.decode(leaf)["id"] for leaf in reader.leaves(0, reader.size())]
    assert stored == [call(number).id for number in range(60)]
    assert verify(reader).holds


def test_writer_that_never_reached_the_database_is_brought_in_by_a_later_start(
    begin: Begin, call: Call, database: str, reader_of: ReaderOf, server: Server
) -> None:
    ledger = begin()
    give(ledger, call, 0, 20)
    ledger.close()
    server.crash()
    ledger = begin()
    ledger.record(call(20))
    with pytest.raises(UnavailableError, match="its store was away"):
        ledger.close()
    server.start()
    begin().close()
    assert reader_of(database).size() == 21


def test_commit_whose_answer_was_lost_is_not_made_twice(
    begin: Begin, call: Call, database: str, reader_of: ReaderOf
) -> None:
    ledger = begin()
    give(ledger, call, 0, 10)
    store = ledger._store
    assert isinstance(store, PostgresStore)
    insert = store._insert

    def insert_and_hang_up(batch: object) -> None:
        store._insert = insert  # type: ignore[method-assign]
        insert(batch)  # type: ignore[arg-type]
        store._connected().execute("COMMIT")
        raise psycopg.OperationalError("the connection was lost")

    store._insert = insert_and_hang_up  # type: ignore[method-assign,assignment]
    give(ledger, call, 10, 20)
    give(ledger, call, 20, 30)
    ledger.close()
    reader = reader_of(database)
    assert reader.size() == 30
    assert verify(reader).holds


def test_another_key_is_refused(begin: Begin, call: Call, tmp_path: Path) -> None:
    ledger = begin()
    give(ledger, call, 0, 3)
    ledger.close()
    key = tmp_path / "ledger" / "local" / "key.pem"
    key.unlink()
    FileSigner.create("freehold/local", key)
    with pytest.raises(IntegrityError) as caught:
        begin()
    assert caught.value.code == "ledger.swapped-key"


HASH = "UPDATE freehold_hashes SET hash = sha256('\\x00' || leaf) FROM freehold_records r WHERE place = r.seq"


@pytest.mark.parametrize(
    ("change", "kind", "record"),
    [
        ("DELETE FROM freehold_records WHERE seq = 7", "missing", 0),
        ("UPDATE freehold_records SET leaf = replace(encode(leaf, 'escape'), '200', '500')::bytea"
         " WHERE seq = 7", "edited", 7),
        ("UPDATE freehold_records SET leaf = replace(encode(leaf, 'escape'), '200', '500')::bytea"
         f" WHERE seq = 7; {HASH} AND level = 0 AND place = 7", "edited", 0),
        ("UPDATE freehold_records SET seq = -seq WHERE seq IN (7, 8);"
         " UPDATE freehold_records SET seq = seq + 15 WHERE seq < 0", "reordered", 7),
        ("UPDATE freehold_ledger SET size = 20", "truncated", 20),
    ],
)  # fmt: skip
def test_tampering_in_the_database_is_named(
    begin: Begin, call: Call, database: str, reader_of: ReaderOf, change: str, kind: str, record: int
) -> None:
    ledger = begin()
    give(ledger, call, 0, 30)
    ledger.close()
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(change)
    reader = reader_of(database)
    finding = verify(reader).findings[0]
    assert (finding.kind, finding.record) == (kind, record)


def test_database_is_searched_and_exported_like_files(
    begin: Begin, call: Call, database: str, reader_of: ReaderOf, tmp_path: Path
) -> None:
    ledger = begin()
    give(ledger, call, 0, 300)
    ledger.close()
    reader = reader_of(database)
    with closing(reader.searchable()) as copy:
        (total,) = totals(copy, Filters(workload="chat"))
    assert total.records == 300
    assert export(reader, tmp_path / "out").size == 300
    text = Note.parse((tmp_path / "out" / "checkpoint").read_text()).text
    assert Checkpoint.parse(text).size == 300
    assert isinstance(current(reader.keys()), Verifier)


def test_database_that_is_not_there_says_so_without_its_address(
    settings: LedgerSettings, tmp_path: Path
) -> None:
    chosen = msgspec.structs.replace(settings, store="postgres")
    with pytest.raises(UnavailableError) as caught:
        open_recorder(chosen, tmp_path, database=f"host={tmp_path} password=hunter2")
    assert caught.value.code == "ledger.database"
    assert "hunter2" not in caught.value.render()
