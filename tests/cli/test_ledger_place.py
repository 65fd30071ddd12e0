"""The ledger's commands, as a person uses them, over one small ledger."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from freehold.cli.main import cli
from freehold.clock import ulid
from freehold.config.values import Duration, Size
from freehold.errors import EXIT_INTEGRITY, FreeholdError, InputError, IntegrityError, UsageError
from freehold.ledger import LedgerSettings, open_recorder, open_vault
from freehold.types.names import HomeId, RecordId, WorkloadId
from freehold.types.records import AlarmRecord, CallRecord, Cost, HomeFacts, Tokens

BASE_NS = 1_760_000_000_000_000_000
Run = Callable[..., Result]


def id_of(number: int) -> RecordId:
    return ulid(BASE_NS + number * 10**9, number.to_bytes(10, "big"))


def fill(folder: Path, count: int, **settings: object) -> None:
    chosen = LedgerSettings(checkpoint_every=Duration("1ms"), spill_size=Size("64KiB"), **settings)
    ledger = open_recorder(chosen, folder)
    for number in range(count):
        ledger.record(
            CallRecord(
                id=id_of(number), time_ns=BASE_NS + number * 10**9, workload=WorkloadId("chat"),
                actual=HomeFacts(home=HomeId("east" if number % 2 else "west")), outcome="ok",
                tokens=Tokens(fresh=10, output=5), cost=Cost(nano_usd=1_000_000),
            )
        )  # fmt: skip
    ledger.close()


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """run("verify") is `freehold ledger verify` in an empty folder, beside a ledger of ten calls."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FREEHOLD_HOME", str(tmp_path / "state"))
    fill(tmp_path / "state", 10)

    def invoke(*words: str) -> Result:
        return CliRunner().invoke(cli, ["ledger", *words], standalone_mode=False)

    return invoke


def good(result: Result) -> str:
    if result.exception is not None:
        raise result.exception
    return result.stdout


def failed(result: Result) -> FreeholdError:
    assert isinstance(result.exception, FreeholdError), result.exception
    return result.exception


def test_verify_says_what_holds(run: Run) -> None:
    said = good(run("verify"))
    assert said.startswith("freehold/local: 10 records hold; signed by freehold/local+")


def test_verify_names_the_first_bad_record_and_exits_with_6(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "state/ledger/local/segments/0000000000000000.seg"
    path.write_bytes(path.read_bytes().replace(b'"seq":4,', b'"seq":9,'))
    result = run("verify")
    assert result.return_value == EXIT_INTEGRITY
    assert "reordered: where record 4 belongs stands 9" in result.stdout


def test_verify_speaks_json(run: Run) -> None:
    (writer,) = json.loads(good(run("verify", "--json")))["data"]["writers"]
    assert (writer["records"], writer["covered"], writer["findings"]) == (10, 10, [])


def test_verify_trusts_only_the_key_it_is_given(run: Run, tmp_path: Path) -> None:
    fill(tmp_path / "other", 1)
    other = good(run("key", "show", "--ledger", str(tmp_path / "other/ledger"))).strip()
    result = run("verify", "--key", other)
    assert result.return_value == EXIT_INTEGRITY
    assert "swapped-key" in result.stdout


def test_receipt_is_written_and_checked(run: Run, tmp_path: Path) -> None:
    good(run("receipt", f"local/{id_of(3)}", "-o", "receipt.json"))
    (tmp_path / "key").write_text(good(run("key", "show")))
    said = good(run("check", "receipt.json", "--key", "key"))
    assert said.startswith(f"local/{id_of(3)} is record 3 of 10 in freehold/local\n")


def test_receipt_goes_to_stdout_as_one_json_object(run: Run) -> None:
    assert json.loads(good(run("receipt", id_of(3))))["index"] == 3


def test_receipt_that_was_edited_does_not_check(run: Run, tmp_path: Path) -> None:
    receipt = good(run("receipt", id_of(3))).replace("west", "east").replace("east", "moon")
    (tmp_path / "receipt.json").write_text(receipt)
    error = failed(run("check", "receipt.json", "--key", good(run("key", "show")).strip()))
    assert (error.code, error.exit_code) == ("ledger.forged-proof", EXIT_INTEGRITY)


@pytest.mark.parametrize("name", ["NOBODY", "other/NOBODY"])
def test_receipt_of_nobody_is_refused(run: Run, name: str) -> None:
    assert failed(run("receipt", name)).code == "ledger.unknown-record"


def test_consistency_of_two_kept_checkpoints(run: Run, tmp_path: Path) -> None:
    live = tmp_path / "state/ledger/local/checkpoint"
    (tmp_path / "old").write_bytes(live.read_bytes())
    fill(tmp_path / "state", 5)
    assert "the tree of 15 records begins with the tree of 10" in good(run("consistency", "old", str(live)))
    assert failed(run("consistency", str(live), "old")).code == "ledger.rewound"


def test_witness_cosigns_once_and_refuses_a_rewind(run: Run, tmp_path: Path) -> None:
    key = good(run("key", "show")).strip()
    words = ("witness", str(tmp_path / "state/ledger"), "--state", "w", "--key", key)
    assert "witness" in good(run(*words))
    fill(tmp_path / "state", 5)
    cosigned = good(run(*words))
    assert cosigned.count("\n— ") == 2
    live = tmp_path / "state/ledger/local"
    (live / "checkpoint").write_text(json.loads((live / "checkpoints").read_text().splitlines()[0]))
    error = failed(run(*words))
    assert isinstance(error, IntegrityError) and "rewound" in error.what
    assert (tmp_path / "w/alarms.jsonl").exists()


def test_witness_prints_its_key(run: Run) -> None:
    assert good(run("witness", "--state", "w", "--name", "acme")).startswith("acme+")


def test_export_writes_tiles(run: Run, tmp_path: Path) -> None:
    assert "10 records" in good(run("export", "out"))
    assert (tmp_path / "out/tile/0/000.p/10").stat().st_size == 320


def test_tail_prints_the_latest(run: Run) -> None:
    lines = good(run("tail", "-n", "3")).splitlines()
    assert [line.split()[-1] for line in lines] == [id_of(number) for number in (7, 8, 9)]


def test_show_prints_one_record(run: Run) -> None:
    assert json.loads(good(run("show", id_of(2))))["actual"] == {"home": "west"}
    assert json.loads(good(run("show", id_of(2), "--json")))["data"]["record"]["seq"] == 2


def test_show_opens_what_was_said_until_it_is_erased(run: Run, tmp_path: Path) -> None:
    said = open_vault(tmp_path / "state/ledger").seal("acme", id_of(60), "request", b"the plan")
    ledger = open_recorder(LedgerSettings(spill_size=Size("64KiB")), tmp_path / "state")
    ledger.record(CallRecord(id=id_of(60), time_ns=BASE_NS, request=said))
    ledger.close()
    assert good(run("show", id_of(60), "--content", "acme")) == "the plan\n"
    good(run("erase", "acme", "--yes"))
    assert failed(run("show", id_of(60), "--content", "acme")).code == "ledger.content-erased"
    assert "11 records hold" in good(run("verify"))


def test_query_filters_and_sums(run: Run) -> None:
    assert len(good(run("query", "--home", "west")).splitlines()) == 5
    assert good(run("query", "--since", "2h")) == ""
    (total,) = json.loads(good(run("query", "--totals", "--json")))["data"]["totals"]
    assert (total["records"], total["nano_usd"], total["tokens_in"]) == (10, 10_000_000, 100)
    assert len(good(run("query", "--by", "home")).splitlines()) == 3


def test_query_by_time(run: Run) -> None:
    since, until = "2025-10-09T08:53:22", "2025-10-09T10:53:24+02:00"
    records = json.loads(good(run("query", "--since", since, "--until", until, "--json")))["data"]["records"]
    assert [record["id"] for record in records] == [id_of(2), id_of(3)]


@pytest.mark.parametrize("text", ["yesterday", "12", "2025-13-01", "2x"])
def test_query_of_no_time_is_refused(run: Run, text: str) -> None:
    assert isinstance(failed(run("query", "--since", text)), UsageError)


def test_query_shows_what_is_unknown_as_such(run: Run, tmp_path: Path) -> None:
    ledger = open_recorder(LedgerSettings(writer="two", spill_size=Size("64KiB")), tmp_path / "state")
    ledger.record(CallRecord(id=id_of(50), time_ns=BASE_NS + 10**12, outcome="failed"))
    ledger.record(AlarmRecord(id=id_of(51), time_ns=BASE_NS + 2 * 10**12, alarm="test"))
    ledger.close()
    call, alarm = good(run("tail", "-n", "2")).splitlines()
    assert call.split()[1:7] == ["call", "-", "-", "failed", "-/-", "unknown"]
    assert alarm.split()[1:7] == ["alarm", "-", "-", "-", "-/-", "-"]


def test_archive_moves_old_segments(run: Run, tmp_path: Path) -> None:
    fill(tmp_path / "state", 50, segment_size=Size("1KB"))
    fill(tmp_path / "state", 50, segment_size=Size("1KB"))
    assert good(run("archive", "away")).startswith("local: moved ")
    assert "archived and checked by their hashes" in good(run("verify"))
    assert "records hold" in good(run("verify", "--archive", "away"))


def test_key_rotates_and_old_receipts_still_check(run: Run, tmp_path: Path) -> None:
    old = good(run("key", "show")).strip()
    good(run("receipt", id_of(1), "-o", "before.json"))
    new = good(run("key", "rotate")).strip()
    assert good(run("key", "show")).split() == [old, new]
    good(run("receipt", id_of(1), "-o", "after.json"))
    for file, key in (("before.json", old), ("after.json", old), ("after.json", new)):
        assert "is record 1" in good(run("check", file, "--key", key))
    assert "records hold" in good(run("verify", "--key", old))


def test_erase_wants_to_be_sure(run: Run, tmp_path: Path) -> None:
    assert failed(run("erase", "acme")).code == "ledger.not-confirmed"
    assert "destroyed" in good(run("erase", "acme", "--yes"))


def test_commands_without_a_ledger_say_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FREEHOLD_HOME", str(tmp_path / "nowhere"))
    for words in (
        ["verify"],
        ["tail"],
        ["receipt", "x"],
        ["export", "out"],
        ["key", "show"],
        ["key", "rotate"],
    ):
        result = CliRunner().invoke(cli, ["ledger", *words], standalone_mode=False)
        assert isinstance(result.exception, InputError), words
        assert result.exception.code == "ledger.not-a-ledger"
    assert not list(tmp_path.iterdir())
