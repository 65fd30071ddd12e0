"""The attest commands: exit codes, JSON, packs that are remembered, records."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from freehold.cli.main import cli
from freehold.errors import FreeholdError
from freehold.ledger import FileSigner
from freehold.seal.attest.fake import evidence_set

AT_S = 1_760_000_000
AT = "2025-10-09T08:53:20Z"
POLICY = """
test_roots = true
measurements = ["{m}"]
collateral_keys = [{keys}]
[tcb_floor.Milan]
snp = 8
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FREEHOLD_HOME", str(tmp_path / "state"))
    for kind in ("snp", "tdx"):
        made = evidence_set(kind, at_s=AT_S, key=bytes(range(32)))
        for name, data in made.files:
            path = tmp_path / kind / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(data)
    (tmp_path / "nonce").write_bytes(bytes(range(32)))
    (tmp_path / "key").write_bytes(bytes(range(32)))
    (tmp_path / "snp.toml").write_text(POLICY.format(m="11" * 48, keys=""))
    FileSigner.create("test", tmp_path / "signing.pem")
    return tmp_path


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(cli, [str(word) for word in words], standalone_mode=False)


def snp_files(folder: Path) -> list[Path]:
    return sorted((folder / "snp").iterdir())


def verify(folder: Path, *words: str | Path) -> Result:
    bound = ("--nonce", "file:nonce", "--key", "key", "--at", AT, "--policy", "snp.toml")
    return run("attest", "verify", *snp_files(folder), *bound, *words)


def test_attest_verify_exits_0_only_when_everything_was_checked(folder: Path) -> None:
    good = verify(folder)
    assert good.return_value == 0, good.output
    assert "accepted as attested" in good.output
    bare = run("attest", "verify", *snp_files(folder), "--at", AT, "--policy", "snp.toml")
    assert bare.return_value == 1
    assert "snp:nonce" in bare.output


def test_attest_verify_under_the_default_policy_refuses_test_keys(folder: Path) -> None:
    result = run("attest", "verify", *snp_files(folder), "--at", AT)
    assert result.return_value == 1
    assert "published test key" in result.output


def test_attest_verify_as_json_holds_claims_checks_and_digests(folder: Path) -> None:
    body = json.loads(verify(folder, "--json").output)
    assert body["schema"] == "freehold.attest.verify/1"
    only = body["data"]["sets"][0]
    assert body["data"]["passed"] and only["passed"]
    assert only["parts"][0]["claims"]["hwmodel"] == "Milan"
    assert only["evidence"].startswith("sha256:") and only["policy_digest"].startswith("sha256:")


def test_attest_verify_each_judges_files_one_by_one(folder: Path) -> None:
    (folder / "notes.txt").write_text("hello, world")
    result = run("attest", "verify", "--each", "snp/report.bin", "notes.txt", "--at", AT)
    assert result.return_value == 1
    assert result.output.count("refused") == 2


def test_attest_verify_records_the_result(folder: Path) -> None:
    result = verify(folder, "--record")
    line = json.loads((folder / "state" / "records.jsonl").read_text())
    assert (line["kind"], line["passed"], line["tier"]) == ("attestation/1", True, "attested")
    assert line["id"] in result.output


def test_attest_verify_finds_a_policy_of_the_estate_file(folder: Path) -> None:
    rules = (
        (folder / "snp.toml").read_text().replace("[tcb_floor.Milan]", "[seal.policies.prod.tcb_floor.Milan]")
    )
    (folder / "freehold.toml").write_text(f"[seal.policies.prod]\n{rules}")
    bound = ("--nonce", "file:nonce", "--key", "key", "--at", AT)
    assert run("attest", "verify", *snp_files(folder), *bound, "--policy", "prod").return_value == 0
    with pytest.raises(FreeholdError, match="no attestation policy"):
        raise run("attest", "verify", *snp_files(folder), "--policy", "prodd").exception or AssertionError


@pytest.mark.parametrize("nonce", ["zz", "text:x", "base64:!", "0011"])
def test_attest_verify_with_a_nonce_that_cannot_be_used_is_an_error(folder: Path, nonce: str) -> None:
    failed = run("attest", "verify", "snp/report.bin", "--nonce", nonce).exception
    assert isinstance(failed, FreeholdError) and failed.code == "seal.nonce"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("absent.bin",), "seal.unreadable"),
        (("snp/report.bin", "--at", "soon"), "seal.time"),
        (("snp/report.bin", "--key", "snp/report.bin"), "seal.unreadable"),
        (("snp/report.bin", "--collateral", "absent"), "seal.unreadable"),
        (("snp/leaf.der",), "seal.no-evidence"),
    ],
)
def test_attest_verify_of_wrong_inputs_says_which(folder: Path, words: tuple[str, ...], code: str) -> None:
    failed = run("attest", "verify", *words).exception
    assert isinstance(failed, FreeholdError) and failed.code == code


def test_attest_explain_says_what_it_proves_and_what_not(folder: Path) -> None:
    result = run("attest", "explain", *snp_files(folder), "--at", AT, "--policy", "snp.toml")
    assert result.return_value in (0, None)
    assert "AMD secure processor" in result.output and "secured is not safe" in result.output


def pack(folder: Path, *words: str | Path) -> Result:
    files = [
        path for path in sorted((folder / "tdx").iterdir()) if path.name not in ("quote.bin", "ccel.bin")
    ]
    where = ("--out", "pack", "--signing-key", "signing.pem", "--name", "intel")
    return run("attest", "collateral", "pack", *files, *where, "--at", AT, *words)


def test_attest_collateral_is_packed_shown_checked_and_used(folder: Path) -> None:
    key = json.loads(pack(folder, "--json").output)["data"]["key"]
    (folder / "tdx.toml").write_text(POLICY.format(m="33" * 48, keys=f'"{key}"'))
    shown = run("attest", "collateral", "show", "pack", "--at", AT)
    assert "intel version 1" in shown.output and "the first of it ends" in shown.output
    checked = run("attest", "collateral", "check", "pack", "--at", AT, "--policy", "tdx.toml")
    assert checked.return_value == 0, checked.output
    words = (
        "--nonce",
        "file:nonce",
        "--key",
        "key",
        "--at",
        AT,
        "--policy",
        "tdx.toml",
        "--collateral",
        "pack",
    )
    used = run("attest", "verify", "tdx/quote.bin", "tdx/ccel.bin", *words)
    assert used.return_value == 0, used.output


def test_attest_collateral_of_an_older_version_is_refused_after_a_newer_one(folder: Path) -> None:
    pack(folder)
    old = {path.name: path.read_bytes() for path in (folder / "pack").iterdir()}
    assert "version 2" in pack(folder).output
    run("attest", "collateral", "check", "pack", "--at", AT)
    for name, data in old.items():
        (folder / "pack" / name).write_bytes(data)
    failed = run("attest", "collateral", "check", "pack", "--at", AT).exception
    assert isinstance(failed, FreeholdError) and failed.code == "seal.pack-rolled-back"


def test_attest_collateral_that_has_ended_is_not_good(folder: Path) -> None:
    pack(folder)
    checked = run("attest", "collateral", "check", "pack", "--at", "2026-01-01", "--json")
    assert checked.return_value == 1
    assert json.loads(checked.output)["data"]["passed"] is False
