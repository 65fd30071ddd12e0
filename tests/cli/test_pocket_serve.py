import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import msgspec
import pytest
from click.testing import CliRunner

from freehold.cli.pocket_faults import command as faults_command
from freehold.cli.pocket_serve import command
from freehold.errors import InputError, ProblemsError, UnavailableError
from freehold.pocket.faults import FAULTS, LISTENING
from tests.pocket.talk import said, send

ESTATE = """\
[homes.east]
vendor = "v"
api = "anthropic"
model = "claude-x"
url = "http://127.0.0.1:{first}"

[homes.west]
vendor = "w"
api = "bedrock-converse"
model = "claude-x"
model_name = "us.anthropic.claude-x"
url = "http://127.0.0.1:{second}"

[homes.far]
vendor = "f"
api = "openai"
model = "gpt-x"
url = "https://api.example.com"

[workloads.chat]
homes = ["east", "west", "far"]
"""
FAULTS_FILE = '[faults.down]\nfault = "unavailable"\nhome = "west"\n'


def invoke(*arguments: str) -> None:
    CliRunner().invoke(command, arguments, catch_exceptions=False, standalone_mode=False)


@contextmanager
def serving(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "freehold", "pocket", "serve", *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1", "FREEHOLD_POCKET_TOKEN": "t"},
    )  # fmt: skip
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=20)
        assert (process.returncode, errors) == (0, "")


def line_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


async def test_one_home_says_where_it_listens_and_stops_when_told() -> None:
    with serving("--dialect", "anthropic", "--port", "0") as process:
        said_first = line_of(process)
        url = said_first.rpartition(" ")[2]
        assert said_first == f"pocket home (anthropic) listening on {url}"
        heard = await send(url, {**said("hi"), "max_tokens": 5}, "/v1/messages")
        assert heard.json["content"][0]["text"] == "hi"


async def test_whole_estate_is_served_but_for_homes_elsewhere(
    tmp_path: Path, two_ports: tuple[int, int]
) -> None:
    estate, faults = tmp_path / "freehold.toml", tmp_path / "faults.toml"
    estate.write_text(ESTATE.format(first=two_ports[0], second=two_ports[1]))
    faults.write_text(FAULTS_FILE)
    with serving("--all", str(estate), "--faults", str(faults), "--json") as process:
        printed = "".join(line_of(process) for _ in range(17))
        rows = msgspec.json.decode(printed)["data"]["homes"]
        assert [(row["home"], row["dialect"]) for row in rows] == [("east", "anthropic"), ("west", "bedrock")]
        east = await send(
            rows[0]["url"], {**said("hi"), "model": "claude-x", "max_tokens": 5}, "/v1/messages"
        )
        turns = {"messages": [{"role": "user", "content": [{"text": "hi"}]}]}
        west = await send(rows[1]["url"], turns, "/model/us.anthropic.claude-x/converse")
        assert (east.status, west.status) == (200, 503)


@pytest.fixture
def two_ports() -> tuple[int, int]:
    import socket

    with socket.socket() as first, socket.socket() as second:
        first.bind(("127.0.0.1", 0))
        second.bind(("127.0.0.1", 0))
        return first.getsockname()[1], second.getsockname()[1]


def test_fault_file_with_problems_starts_nothing(tmp_path: Path) -> None:
    faults = tmp_path / "faults.toml"
    faults.write_text('[faults.a]\nfault = "cut_rest"\n[faults.b]\nfault = "stall"\nhome = "nowhere"\n')
    with pytest.raises(ProblemsError) as caught:
        invoke("--port", "0", "--faults", str(faults))
    assert len(caught.value.problems) == 2


def test_estate_without_a_home_on_loopback_is_an_error(tmp_path: Path) -> None:
    estate = tmp_path / "freehold.toml"
    estate.write_text('[homes.far]\nvendor = "f"\napi = "openai"\nmodel = "m"\nurl = "https://x.example"\n')
    with pytest.raises(InputError) as caught:
        invoke("--all", str(estate))
    assert caught.value.code == "pocket.nothing-to-serve"


def test_port_in_use_is_an_error(free_port: int) -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", free_port))
        taken.listen()
        with pytest.raises(UnavailableError) as caught:
            invoke("--port", str(free_port))
    assert caught.value.code == "core.port-in-use"


def test_unknown_dialect_and_engine_name_the_closest() -> None:
    with pytest.raises(InputError, match="no dialect 'antropic'"):
        invoke("--dialect", "antropic", "--port", "0")
    with pytest.raises(InputError, match="no engine 'scriptd'"):
        invoke("--engine", "scriptd", "--port", "0")


def test_estate_and_the_options_of_one_home_are_not_mixed(tmp_path: Path) -> None:
    with pytest.raises(click.UsageError, match="--dialect, --port and --all"):
        invoke("--all", str(tmp_path / "freehold.toml"), "--dialect", "openai", "--port", "0")


def test_log_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError) as caught:
        invoke("--port", "0", "--log", str(tmp_path / "absent" / "log.jsonl"))
    assert caught.value.code == "pocket.unwritable-log"


def test_key_written_out_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError):
        invoke("--port", "0", "--key", "sk-written-out")


def test_faults_are_listed_with_what_they_do() -> None:
    printed = CliRunner().invoke(faults_command, ["--json"]).output
    rows = msgspec.json.decode(printed)["data"]["faults"]
    assert {row["fault"] for row in rows} == {*FAULTS, *LISTENING}
