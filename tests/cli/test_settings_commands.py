"""init, check, config explain, config schema: what they print, what they refuse, how they exit."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from freehold.cli.main import main
from freehold.errors import EXIT_INPUT, EXIT_OK, EXIT_REFUSED, EXIT_USAGE


class Ran(NamedTuple):
    status: int
    out: str
    err: str


Run = Callable[..., Ran]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.chdir(tmp_path)

    def go(*words: str) -> Ran:
        monkeypatch.setattr(sys, "argv", ["freehold", *words])
        with pytest.raises(SystemExit) as caught:
            main()
        out, err = capsys.readouterr()
        return Ran(int(caught.value.code or 0), out, err)

    return go


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def data(ran: Ran, schema: str) -> Any:
    envelope = json.loads(ran.out)
    assert envelope["schema"] == f"freehold.{schema}"
    return envelope["data"]


def test_init_writes_a_file_that_check_and_map_accept(run: Run, tmp_path: Path) -> None:
    assert run("init").status == EXIT_OK
    checked = run("check")
    assert checked.out == "freehold.toml: fine (3 homes, 1 service, 1 model, 1 policy, 1 workload)\n"
    assert "but not the loss of our own sign-in" in run("map").out
    assert names(tmp_path) == ["freehold.toml"]


def test_init_refuses_to_replace(run: Run, tmp_path: Path) -> None:
    (tmp_path / "freehold.toml").write_text("mine")
    ran = run("init")
    assert ran.status == EXIT_REFUSED and "cli.file-exists" in ran.err and "--force" in ran.err
    assert (tmp_path / "freehold.toml").read_text() == "mine" and names(tmp_path) == ["freehold.toml"]


def test_init_replaces_when_forced(run: Run, tmp_path: Path) -> None:
    (tmp_path / "freehold.toml").write_text("mine")
    assert run("init", "--force").status == EXIT_OK
    assert run("check").status == EXIT_OK and names(tmp_path) == ["freehold.toml"]


def test_init_does_not_follow_a_link_that_leads_nowhere(run: Run, tmp_path: Path) -> None:
    (tmp_path / "freehold.toml").symlink_to(tmp_path / "elsewhere")
    assert run("init").status == EXIT_REFUSED
    assert not (tmp_path / "elsewhere").exists()


def test_init_never_replaces_a_pipe(run: Run, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert run("init", "--force", "pipe").status == EXIT_REFUSED
    assert (tmp_path / "pipe").is_fifo()


def test_init_writes_into_a_folder(run: Run, tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    assert data(run("init", "sub", "--json"), "init/1") == {"path": "sub/freehold.toml"}
    assert run("check", "-c", "sub/freehold.toml").status == EXIT_OK


@pytest.mark.parametrize("path", ["absent/freehold.toml", "x" * 5000, "/proc/freehold.toml"])
def test_init_says_why_it_cannot_write(run: Run, path: str) -> None:
    ran = run("init", path)
    assert ran.status == EXIT_INPUT and "cli.cannot-write" in ran.err and "why:" in ran.err


def test_check_prints_every_problem_with_its_line(run: Run, tmp_path: Path) -> None:
    (tmp_path / "freehold.toml").write_text('[gateway]\nport = "x"\n[workloads.w]\nhomes = ["h"]\n')
    ran = run("check")
    assert ran.status == EXIT_INPUT and ran.out == ""
    assert "error[config.type]: freehold.toml:2:" in ran.err
    assert "error[estate.unknown-home]: freehold.toml:4:" in ran.err and "2 problems" in ran.err


def test_check_prints_problems_as_json(run: Run, tmp_path: Path) -> None:
    (tmp_path / "freehold.toml").write_text("[gateway]\nprot = 1\n")
    (problem,) = data(run("check", "--json"), "error/1")["problems"]
    assert (problem["code"], problem["path"], problem["line"]) == ("config.unknown-key", "gateway.prot", 2)


def test_check_never_prints_a_secret(run: Run, tmp_path: Path) -> None:
    secret = "sk-ant-api03-AAAABBBBCCCCDDDDEEEE"
    (tmp_path / "freehold.toml").write_text(
        "[homes.h]\n" + "".join(f'{key} = "{secret}"\n' for key in ("vendor", "credential", "url"))
    )
    ran = run("check", "--json")
    assert (
        ran.status == EXIT_INPUT and secret not in ran.out + ran.err and ran.err.count("secret-literal") == 3
    )


def test_check_runs_no_commands(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "freehold.toml"
    file.write_text('[homes.h]\nvendor = "v"\nchips = 1\ncredential = "cmd:touch ran"\n')
    file.chmod(0o600)
    assert run("check").status == EXIT_OK and not (tmp_path / "ran").exists()


def test_check_counts_as_json(run: Run) -> None:
    run("init")
    found = data(run("check", "--json"), "check/1")
    assert found["counts"]["homes"] == 3 and found["digest"].startswith("sha256:") and found["problems"] == []


def test_check_without_a_file_says_how_to_make_one(run: Run) -> None:
    ran = run("check")
    assert ran.status == EXIT_INPUT and "config.not-found" in ran.err and "freehold init" in ran.err


def test_explain_shows_one_setting(run: Run) -> None:
    ran = run("config", "explain", "gateway.port")
    assert ran.out == (
        "gateway.port  (integer, default 4100)\n"
        "  The port that takes calls.\n"
        "  allowed: at least 1, at most 65535\n"
    )


@pytest.mark.parametrize(
    "asked", ["homes.NAME.url", "homes.my-home.url", "workloads.chat.substitutes[0].home"]
)
def test_explain_takes_names_and_indexes(run: Run, asked: str) -> None:
    assert len(data(run("config", "explain", asked, "--json"), "config-explain/1")) == 1


def test_explain_shows_all_of_a_section_and_everything(run: Run) -> None:
    section = data(run("config", "explain", "gateway.timeouts", "--json"), "config-explain/1")
    everything = data(run("config", "explain", "--json"), "config-explain/1")
    assert [one["path"].split(".")[2] for one in section] == [
        "connect",
        "header",
        "first_content",
        "idle",
        "total",
    ]
    assert len(everything) > 90


@pytest.mark.parametrize("asked", ["gatewy.port", "gatewy", "gateway.port.x"])
def test_explain_suggests_the_closest(run: Run, asked: str) -> None:
    ran = run("config", "explain", asked)
    assert ran.status == EXIT_USAGE and "the closest is 'gateway" in ran.err


def test_schema_prints_the_schema_itself(run: Run) -> None:
    schema = json.loads(run("config", "schema").out)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert data(run("config", "schema", "--json"), "config-schema/1") == schema
