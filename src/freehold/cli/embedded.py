"""The embedded estate: three pocket homes that stand in for three clouds, on free ports of this machine."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Final, NamedTuple

from freehold.errors import UnavailableError

STOP_SECONDS_MAX: Final = 5.0


class StandIn(NamedTuple):
    """One pocket home, and the vendor it stands in for."""

    name: str
    vendor: str
    operator: str
    region: str
    silicon: str
    api: str
    options: str = ""


STAND_INS: Final = (
    StandIn("bedrock-use1", "aws", "aws", "us-east-1", "trn2", "bedrock-converse"),
    StandIn(
        "vertex-use5", "google", "google", "us-east5", "tpu-v6e", "vertex-claude",
        'options = { project = "demo", location = "us-east5" }',
    ),
    StandIn("foundry-use2", "azure", "anthropic", "eastus2", "h200", "foundry-anthropic"),
)  # fmt: skip

_HEAD = """\
# Three pocket homes stand in for Bedrock, Vertex and Foundry, on their native paths. Written by Freehold.
[estate]
name = "embedded"

[models.claude-pocket]

[policies.resilient]
on_cut = "continue"

[workloads.chat]
homes = [{homes}]
policy = "resilient"
"""
_HOME = """
[homes.{name}]
vendor = "{vendor}"
operator = "{operator}"
region = "{region}"
silicon = "{silicon}"
api = "{api}"
model = "claude-pocket"
url = "{url}"
credential = "file:{key}"
{options}
"""


def estate_text(urls: Mapping[str, str], key: Path) -> str:
    """The freehold.toml of the embedded estate."""
    homes = ", ".join(f'"{one.name}"' for one in STAND_INS)
    parts = [
        _HOME.format(**one._asdict(), url=urls[one.name], key=key).replace(f"{one.options}\n\n", one.options)
        for one in STAND_INS
    ]
    return _HEAD.format(homes=homes) + "".join(parts)


@contextlib.contextmanager
def embedded(folder: Path) -> Iterator[Path]:
    """Write the estate's file and run its homes beside us until the end of the block."""
    folder.mkdir(parents=True, exist_ok=True)
    path, key = folder / "embedded.toml", folder / "embedded.key"
    key.write_text("pocket-homes-take-any-key\n")
    key.chmod(0o600)
    path.write_text(
        estate_text({one.name: f"http://127.0.0.1:{free_port()}" for one in STAND_INS}, key.absolute())
    )
    process = start("pocket", "serve", "--all", str(path))
    try:
        first_line(process)
        yield path
    finally:
        stop([process])


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def start(
    *words: str, environment: Mapping[str, str] | None = None, err: IO[str] | int = subprocess.DEVNULL
) -> subprocess.Popen[str]:
    """One of our own commands as a process, in a group of its own so that Ctrl-C reaches us alone."""
    return subprocess.Popen(
        [sys.executable, "-m", "freehold", *words], stdout=subprocess.PIPE, stderr=err, text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1", **(environment or {})}, start_new_session=True,
    )  # fmt: skip


def first_line(process: subprocess.Popen[str]) -> str:
    """What it says when it is ready; it ends with where it listens."""
    line = process.stdout.readline() if process.stdout else ""
    if not line:
        raise UnavailableError(
            "a process of our own did not start", why=f"it ended with {process.wait()}",
            fix="run it by hand to see why: freehold pocket serve", code="cli.did-not-start",
        )  # fmt: skip
    return line.strip()


def stop(processes: list[subprocess.Popen[str]]) -> None:
    for process in processes:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
    for process in processes:
        try:
            process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()
