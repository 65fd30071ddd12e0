"""Secrets and content never appear in the ledger: canaries go in by every path, then its bytes are read."""

import asyncio
import base64
import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from freehold import wire
from freehold.config.values import Size
from freehold.errors import UnavailableError
from freehold.ledger import Ledger
from freehold.ledger.content import FileContentKeys, Vault
from freehold.ledger.export import export
from freehold.ledger.files import FileReader
from freehold.types.records import CallRecord

PROMPT = "canary-prompt-5b1f"
SECRET = "sk-canary-home-71c2aa90ff34"
CALLER = "sk-canary-caller-a94f20bb17de"
QUERY = "canary-query-0d3e"
CANARIES = (PROMPT, SECRET, CALLER, QUERY)

ESTATE = """\
[models.pocket]

[homes.good]
vendor = "pocket"
operator = "you"
api = "openai"
model = "pocket"
url = "{url}"
credential = "env:FREEHOLD_CANARY"

[homes.dead]
vendor = "pocket"
operator = "you"
api = "openai"
model = "pocket"
url = "http://127.0.0.1:9"
credential = "env:FREEHOLD_CANARY"

[workloads.chat]
homes = ["dead", "good"]

[workloads.gone]
homes = ["dead"]
"""


def found_in(folder: Path) -> list[str]:
    """Every canary in the bytes of every file, plain or in a usual encoding."""
    found = []
    for path in sorted(folder.rglob("*")):
        data = path.read_bytes() if path.is_file() else b""
        for canary in CANARIES:
            plain = canary.encode()
            forms = (plain, plain[::-1], plain.hex().encode(), base64.b64encode(plain)[:-4])
            found += [f"{canary} in {path.name}" for form in forms if form in data]
    return found


@contextlib.contextmanager
def command(folder: Path, *words: str) -> Iterator[str]:
    """One of our commands as a process; the address it listens on."""
    environment = {
        **os.environ, "FREEHOLD_HOME": str(folder), "FREEHOLD_CANARY": SECRET, "PYTHONUNBUFFERED": "1",
    }  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-m", "freehold", *words], stdout=subprocess.PIPE, text=True, env=environment
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    try:
        yield line.rpartition(" ")[2].strip()
    finally:
        process.terminate()
        process.stdout.close()
        assert process.wait(20) == 0


async def call_every_way(url: str) -> None:
    """Whole, streamed, to a home that is down, malformed, to nobody; with secrets wherever there is room."""
    headers = {"authorization": f"Bearer {CALLER}", "x-api-key": CALLER, "x-canary": CALLER, "cookie": CALLER}
    messages = [{"role": "system", "content": PROMPT}, {"role": "user", "content": PROMPT}]
    good = {"messages": messages, "user": PROMPT, "metadata": {"note": PROMPT}}
    bodies = [
        msgspec.json.encode({**good, "model": "chat"}),
        msgspec.json.encode({**good, "model": "chat", "stream": True}),
        msgspec.json.encode({**good, "model": "gone"}),
        msgspec.json.encode({**good, "model": PROMPT}),
        msgspec.json.encode({**good, "model": "chat", "temperature": PROMPT}),
        f'{{"model": "chat", "messages": "{PROMPT}'.encode(),
    ]
    for body in bodies:
        for path in ("/v1/chat/completions", f"/v1/chat/completions?key={QUERY}"):
            async with await wire.request("POST", f"{url}{path}", headers=headers, body=body) as response:
                await response.read()


def test_nothing_that_callers_say_or_hold_reaches_the_ledger(tmp_path: Path) -> None:
    estate = tmp_path / "freehold.toml"
    with command(tmp_path / "home", "pocket", "serve", "--port", "0") as home:
        estate.write_text(ESTATE.format(url=home))
        estate.chmod(0o600)
        with command(tmp_path / "state", "up", "-c", str(estate), "--port", "0") as gateway:
            asyncio.run(call_every_way(gateway))
    reader = FileReader(tmp_path / "state" / "ledger" / "local")
    outcomes = [msgspec.json.decode(leaf).get("outcome") for leaf in reader.leaves(0, reader.size())]
    assert "ok" in outcomes and "failed" in outcomes
    export(reader, tmp_path / "state" / "exported")
    assert found_in(tmp_path / "state") == []


def test_content_that_is_kept_is_sealed_wherever_it_waits(
    tmp_path: Path, start: Callable[..., Ledger], call: Callable[..., CallRecord]
) -> None:
    vault = Vault(tmp_path / "ledger" / "content", FileContentKeys(tmp_path / "keys"))
    ledger = start(size_max=Size("2KB"))
    for number in range(20):  # a few go into the tree, the others into the spill file
        data = PROMPT.encode() * (1 + 400 * (number % 3))
        sealed = vault.seal("acme", call(number).id, "request", data)
        ledger.record(call(number, request=sealed))
        if number == 0:
            asyncio.run(ledger.durable(call(number).id))
    while ledger.failing is None:
        asyncio.run(asyncio.sleep(0.002))
    with pytest.raises(UnavailableError):
        ledger.close()
    assert found_in(tmp_path / "ledger") == []
