"""freehold ledger show --why: a choice of homes, made again from the record."""

from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result

from freehold.cli.main import cli
from freehold.clock import ulid
from freehold.config.values import Duration, Size
from freehold.errors import InputError
from freehold.gateway.order import Basis, OrderRules, Seen
from freehold.ledger import LedgerSettings, open_recorder
from freehold.types.names import HomeId
from freehold.types.records import CallRecord

NOW_NS = 1_760_000_000_000_000_000
FULL = Seen(home=HomeId("full"), nano_usd=1, wait_ms=800)
BASIS = Basis(seen=(FULL, Seen(home=HomeId("free"), nano_usd=9)), draws=(0, 0), rules=OrderRules())


def show(folder: Path, monkeypatch: pytest.MonkeyPatch, call: CallRecord, *words: str) -> Result:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("FREEHOLD_HOME", str(folder))
    settings = LedgerSettings(checkpoint_every=Duration("1ms"), spill_size=Size("64KiB"))
    ledger = open_recorder(settings, folder)
    ledger.record(call)
    ledger.close()
    return CliRunner().invoke(cli, ["ledger", "show", call.id, *words], standalone_mode=False)


def test_why_makes_the_choice_of_homes_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    call = CallRecord(id=ulid(NOW_NS, b"0" * 10), time_ns=NOW_NS, choice=msgspec.to_builtins(BASIS))
    result = show(tmp_path, monkeypatch, call, "--why")
    first, second = result.output.splitlines()
    assert first == "1. free: well, by price, by the file's order"
    assert second == "2. full: well, no room for 800 ms, by price, by the file's order"


def test_why_is_told_to_programs_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    call = CallRecord(id=ulid(NOW_NS, b"0" * 10), time_ns=NOW_NS, choice=msgspec.to_builtins(BASIS))
    told = msgspec.json.decode(show(tmp_path, monkeypatch, call, "--why", "--json").output)
    assert [one["home"] for one in told["data"]["order"]] == ["free", "full"]


def test_record_without_its_basis_says_what_it_knows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    call = CallRecord(id=ulid(NOW_NS, b"0" * 10), time_ns=NOW_NS, why_home="well, by price")
    error = show(tmp_path, monkeypatch, call, "--why").exception
    assert isinstance(error, InputError)
    assert (error.code, error.why) == ("ledger.no-choice", "it says: well, by price")
