"""What starting costs, and what the gateway adds to one call: `python -m bench.house`.

Starting: `freehold --help` (goal: 0.2 s) and importing the command line, beside an interpreter that does
nothing. One call: sequential chat calls over one client, straight to a pocket home and through the gateway. A
sequential client measures latency on an idle machine, not what the gateway can carry.
"""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from bench.harness import Contender, ask

CALLS_PER_ROUND = 200
ROUNDS = 15
STOP_SECONDS_MAX = 20

ESTATE = """\
[models.pocket]

[homes.pocket]
vendor = "pocket"
operator = "you"
region = "laptop"
api = "openai"
model = "pocket"
url = "{url}"

[workloads.chat]
homes = ["pocket"]
"""


def start_contenders() -> list[Contender]:
    python = sys.executable
    freehold = str(Path(python).parent / "freehold")
    return [
        Contender(name="python -c pass", run=(python, "-c", "pass"), note="the floor"),
        Contender(name="import freehold.cli.main", run=(python, "-c", "import freehold.cli.main")),
        Contender(name="freehold --help", run=(freehold, "--help"), note="goal 200 ms"),
    ]


@contextmanager
def freehold(folder: Path, *words: str) -> Iterator[tuple[str, int]]:
    """One of our commands as a process: where it listens (the end of its first line), and its id."""
    environment = {**os.environ, "FREEHOLD_HOME": str(folder / "state"), "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "freehold", *words], stdout=subprocess.PIPE, text=True, env=environment
    )
    try:
        line = process.stdout.readline() if process.stdout else ""
        if not line:
            raise RuntimeError(f"freehold {' '.join(words)} ended before it listened")
        yield line.rpartition(" ")[2].strip(), process.pid
    finally:
        process.terminate()
        process.wait(STOP_SECONDS_MAX)


def calls(url: str, model: str) -> Callable[[], None]:
    """A callable that makes one round of calls over one connection."""
    body = json.dumps(
        {"model": model, "messages": [{"role": "user", "content": "no outage reaches the caller"}]}
    )
    address = urlsplit(url)

    def one_round() -> None:
        connection = http.client.HTTPConnection(
            address.hostname or "", address.port, timeout=STOP_SECONDS_MAX
        )
        for _ in range(CALLS_PER_ROUND):
            connection.request("POST", "/v1/chat/completions", body, {"content-type": "application/json"})
            response = connection.getresponse()
            answer = response.read()
            if response.status != 200:
                raise RuntimeError(f"{url} answered {response.status}: {answer[:300]!r}")
        connection.close()

    return one_round


def round_of(name: str, url: str, model: str, servers: tuple[int, ...]) -> Contender:
    return Contender(name=name, run=calls(url, model), operations=CALLS_PER_ROUND, processes=servers)


def one_call() -> None:
    with tempfile.TemporaryDirectory(prefix="freehold-bench-") as name:
        folder = Path(name)
        with freehold(folder, "pocket", "serve", "--dialect", "openai", "--port", "0") as (home, home_id):
            estate = folder / "freehold.toml"
            estate.write_text(ESTATE.format(url=home), encoding="utf-8")
            with freehold(folder, "up", "-c", str(estate), "--port", "0") as (gateway, gateway_id):
                servers = (home_id, gateway_id)
                contenders = [
                    round_of("straight to the home", home, "pocket", servers[:1]),
                    round_of("through the gateway", gateway, "chat", servers),
                ]
                notes = (
                    "Per call: one client, one call at a time, a home that answers by echo, one record.",
                    "CPU is that of the client and of every server the call passes.",
                )
                ask("one-call", contenders, rounds=ROUNDS, notes=notes)


if __name__ == "__main__":
    ask("house", start_contenders(), rounds=ROUNDS)
    one_call()
