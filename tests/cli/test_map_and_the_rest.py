"""The estate's commands: what they print, their JSON envelope, and what every bad input gets."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from freehold.cli.main import main
from freehold.errors import EXIT_FINDING, EXIT_INPUT, EXIT_OK, EXIT_USAGE

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
BANK = ("-c", str(EXAMPLES / "bank" / "freehold.toml"))
STARTUP = ("-c", str(EXAMPLES / "startup" / "freehold.toml"))
LAB = ("-c", str(EXAMPLES / "lab" / "freehold.toml"))


class Ran(NamedTuple):
    status: int
    out: str
    err: str


Run = Callable[..., Ran]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """The command line in an empty folder, on a fixed day."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FREEHOLD_TODAY", "2026-11-20")
    monkeypatch.setenv("COLUMNS", "160")

    def go(*words: str) -> Ran:
        monkeypatch.setattr("sys.argv", ["freehold", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return Ran(int(ended.value.code or 0), said.out, said.err)

    return go


JSON = [
    (("map", *BANK), "map/1"),
    (("map", *BANK, "--format", "json"), "map/1"),
    (("cuts", "advice-letters", *BANK), "cuts/1"),
    (("blast", "okta", *BANK), "blast/1"),
    (("shared", "bedrock-frankfurt", "vertex-netherlands", *BANK), "shared/1"),
    (("drill", "aws-2025-10-20", "grey-quality", *LAB), "drill/1"),
    (("drill",), "drills/1"),
    (("advise", *STARTUP), "advise/1"),
    (("catalog", "list", "trainium"), "catalog-list/1"),
    (("catalog", "show", "h100"), "catalog-show/1"),
]


@pytest.mark.parametrize(("words", "schema"), JSON, ids=str)
def test_command_answers_in_the_envelope(run: Run, words: tuple[str, ...], schema: str) -> None:
    words = (*words, *BANK) if words == ("drill",) else words
    ran = run(*words, "--json")
    assert ran.status == EXIT_OK, ran.err
    body = json.loads(ran.out)
    assert body["schema"] == f"freehold.{schema}" and body["data"]


@pytest.mark.parametrize(("words", "schema"), JSON, ids=str)
def test_command_answers_people_too(run: Run, words: tuple[str, ...], schema: str) -> None:
    words = (*words, *BANK) if words == ("drill",) else words
    ran = run(*words)
    assert ran.status == EXIT_OK and ran.out.strip() and not ran.err


def test_map_says_the_sentence_and_the_table(run: Run) -> None:
    out = run("map", *BANK).out
    assert "it survives any one region and any one vendor, but not the loss of" in out
    assert "single points" in out


@pytest.mark.parametrize(
    ("form", "start"), [("svg", "<svg"), ("html", "<!doctype html>"), ("cyclonedx", "{")]
)
def test_map_draws_and_writes_where_told(run: Run, tmp_path: Path, form: str, start: str) -> None:
    assert run("map", *BANK, "--format", form).out.startswith(start)
    assert run("map", *BANK, "--format", form, "-o", "out").status == EXIT_OK
    assert (tmp_path / "out").read_text().startswith(start)


def test_drill_writes_one_page_for_all(run: Run, tmp_path: Path) -> None:
    ran = run("drill", *STARTUP, "--all", "--html", "drills.html")
    assert ran.status == EXIT_OK and "down from 06:48 to 09:40 (2 h 52)" in ran.out
    assert "06:48 to 09:40" in (tmp_path / "drills.html").read_text()


def test_advise_prints_what_to_write(run: Run) -> None:
    out = run("advise", "support-chat", *STARTUP, "--toml", "--most", "1").out
    assert "[homes.anthropic-anthropic-global]" in out and 'vendor = "anthropic"' in out


def test_catalog_stale_finds_and_exits_with_a_finding(run: Run) -> None:
    ran = run("catalog", "stale")
    assert ran.status == EXIT_FINDING and "days old" in ran.out


def test_catalog_import_refuses_names_and_writes_the_rest(run: Run, tmp_path: Path) -> None:
    head = "InstanceType,AcceleratorName,AcceleratorCount,GpuInfo,Price,SpotPrice,Region\n"
    rows = "p5.48xlarge,H100,8,,55.04,,nowhere-1\nbad,H100,12,,1,,nowhere-1\n"
    (tmp_path / "vms.csv").write_text(head + rows)
    ran = run("catalog", "import", "vms.csv", "--as", "skypilot", "--vendor", "aws", "--as-of", "2026-11")
    assert ran.status == EXIT_OK and "1 offers; 1 figures or rows refused" in ran.out
    assert "12 h100 in one machine" in ran.err
    assert "added" in run("catalog", "diff", "catalog.toml").out


@pytest.mark.parametrize(
    "words",
    [
        ("catalog", "import", "x.csv", "--as", "skypilot", "--vendor", "aws"),
        ("catalog", "import", "x.csv", "--as", "skypilot", "--as-of", "2026"),
        ("cuts", "advice-letters", *BANK, "--size", "99"),
        ("map", *BANK, "--format", "pdf"),
    ],
)
def test_command_that_cannot_be_carried_out_as_typed_is_refused(run: Run, words: tuple[str, ...]) -> None:
    assert run(*words).status == EXIT_USAGE


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("blast", "us-east-9", *BANK), "estate.no-such-service"),
        (("cuts", "letters", *BANK), "estate.no-such-workload"),
        (("shared", "a", "b", *BANK), "estate.no-such-home"),
        (("drill", "tuesday", *BANK), "estate.no-such-drill"),
        (("advise", "letters", *BANK), "estate.no-such-workload"),
        (("catalog", "show", "h1000"), "catalog.no-such-entry"),
        (("catalog", "list", "--section", "chips"), "catalog.no-such-section"),
        (("catalog", "diff", "none.toml"), "catalog.unreadable"),
        (("map", "-c", "none.toml"), "config.not-found"),
    ],
)
def test_name_that_there_is_not_is_refused_with_a_way_on(run: Run, words: tuple[str, ...], code: str) -> None:
    ran = run(*words)
    assert ran.status == EXIT_INPUT
    assert f"error[{code}]" in ran.err and "why:" in ran.err and "fix:" in ran.err


MANY = b"""
[services.a]
all_of = ["b"]
[services.b]
any_of = ["a"]
[homes.h]
vendor = "aws"
api = "bedrock"
[homes.i]
vendor = "aws"
api = "bedrock"
model = "m"
profile = "mars"
contract = "c"
[workloads.w]
"""


BAD: list[tuple[str, bytes, tuple[str, ...]]] = [
    ("empty", b"", ("config.empty",)),
    ("binary", bytes(range(256)) * 4, ("config.binary",)),
    ("not UTF-8", b'[estate]\nname = "\xff"\n', ("config.",)),
    ("deep", b"x = " + b"[" * 3000, ("config.too-deep",)),
    ("wrong types", b'[homes]\nh = 7\n[workloads.w]\nhomes = "h"\n', ("config.",)),
    ("twice", b"[homes.h]\n[homes.h]\n", ("config.",)),
    ("several", MANY, (
        "estate.cyclic-services", "estate.home-without-model", "estate.unknown-profile",
        "estate.unknown-contract", "estate.workload-without-homes",
    )),
]  # fmt: skip


@pytest.mark.parametrize(("name", "raw", "codes"), BAD, ids=[name for name, _, _ in BAD])
@pytest.mark.parametrize("command", ["map", "drill", "advise"])
def test_bad_file_gets_every_error_and_nothing_is_written(
    run: Run, tmp_path: Path, command: str, name: str, raw: bytes, codes: tuple[str, ...]
) -> None:
    (tmp_path / "bad.toml").write_bytes(raw)
    more = {"map": ("--format", "html", "-o", "out"), "drill": ("--all", "--html", "out")}.get(command, ())
    ran = run(command, "-c", "bad.toml", *more)
    assert ran.status == EXIT_INPUT
    for code in codes:
        assert f"error[{code}" in ran.err
    assert "fix:" in ran.err
    assert [file.name for file in tmp_path.iterdir()] == ["bad.toml"]


def test_file_of_a_hundred_megabytes_is_refused_unread(run: Run, tmp_path: Path) -> None:
    with open(tmp_path / "big.toml", "wb") as file:
        file.truncate(100_000_000)
    assert run("map", "-c", "big.toml").status == EXIT_INPUT


def test_links_in_a_circle_are_an_error_and_no_hang(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    for words in (("map", "-c", "a"), ("catalog", "list", "--catalog", "a"), ("catalog", "diff", "a")):
        assert run(*words).status == EXIT_INPUT


def test_folder_in_place_of_a_file_is_an_error(run: Run, tmp_path: Path) -> None:
    assert run("map", "-c", str(tmp_path)).status == EXIT_INPUT
    assert run("catalog", "diff", str(tmp_path)).status == EXIT_INPUT
    imported = ("catalog", "import", str(tmp_path), "--as", "litellm", "--as-of", "2026")
    assert run(*imported).status == EXIT_INPUT


def test_own_catalog_with_something_impossible_stops_the_map(run: Run, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('[silicon.x]\nname = ""\nmaker = "m"\n[services.a]\nall_of = ["b"]\n')
    (tmp_path / "freehold.toml").write_text('[estate]\ncatalog = "mine.toml"\n')
    ran = run("map")
    assert ran.status == EXIT_INPUT
    assert "error[catalog.no-name]" in ran.err and "error[catalog.unknown-service]" in ran.err


def test_init_from_the_environment_names_variables_and_never_values(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "ANTHROPIC_API_KEY": "sk-ant-secret", "AWS_ACCESS_KEY_ID": "AKIAsecret", "AWS_REGION": "eu-central-1",
        "OPENAI_API_KEY": "sk-secret", "CLOUD_ML_REGION": "secret-place", "GEMINI_API_KEY": "secret",
        "GOOGLE_APPLICATION_CREDENTIALS": "/secret.json", "AZURE_OPENAI_API_KEY": "secret",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    assert run("init", "--from-env").status == EXIT_OK
    text = (tmp_path / "freehold.toml").read_text()
    assert "secret" not in text
    assert 'credential = "env:ANTHROPIC_API_KEY"' in text and 'region = "eu-central-1"' in text
    assert run("check").status == EXIT_OK
    assert "runs claude-sonnet-5 through" in run("map").out


def test_init_from_an_empty_environment_says_what_was_looked_for(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in list(os.environ):
        if name.endswith(("_KEY", "_TOKEN", "_CREDENTIALS", "_PROFILE", "_KEY_ID")):
            monkeypatch.delenv(name)
    assert run("init", "--from-env").status == EXIT_OK
    assert "ANTHROPIC_API_KEY" in (tmp_path / "freehold.toml").read_text()
    assert run("check").status == EXIT_OK


def data(ran: Ran) -> Any:
    return json.loads(ran.out)["data"]


def test_json_of_the_map_lists_cut_sets_to_its_cap_and_counts_all(run: Run) -> None:
    letters = next(
        one for one in data(run("map", *BANK, "--json"))["workloads"] if one["id"] == "advice-letters"
    )
    assert letters["cut_sets"] == {"1": 4, "2": 133, "3": 0}
    assert len(letters["listed"]) == letters["listed_max"] == 100
