"""Gateways as processes that share their state: started, called, killed, and read after."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import msgspec

from freehold import wire
from freehold.cli.ledger_place import open_readers
from freehold.gateway import Running, read_state
from freehold.gateway.meters import Place
from freehold.gateway.state import Standing, open_state
from freehold.pocket import PocketHome
from freehold.types.records import CallRecord
from tests.gateway.running import Got
from tests.gateway.servers import Where

FILE = """\
[models.claude-pocket]
context_tokens = 20000
output_tokens = 2000
{homes}
[workloads.chat]
homes = [{names}]
policy = "go-on"
[policies.go-on]
on_cut = "continue"
[gateway.timeouts]
connect = "500ms"
header = "2s"
first_content = "2s"
idle = "2s"
total = "20s"
[state]
{state}
"""
HOME = """\
[homes.{name}]
vendor = "{name}"
api = "openai"
model = "claude-pocket"
url = "{url}"
options = {{ continues = "yes" }}
[homes.{name}.price]
input_usd_per_mtok = 1.0
output_usd_per_mtok = 2.0
"""


class Gateway:
    """One `freehold up`, with its own folder."""

    def __init__(self, process: subprocess.Popen[str], running: Running, folder: Path) -> None:
        self.process, self.running, self.folder = process, running, folder

    async def call(self, secret: str, body: object) -> Got:
        url, headers = f"{self.running.url}/v1/chat/completions", {"x-api-key": secret}
        async with await wire.request("POST", url, body=msgspec.json.encode(body), headers=headers) as reply:
            return Got(reply.status, reply.headers, await reply.read())

    async def admin(
        self, path: str, method: str = "GET", key: str = "", body: bytes = b""
    ) -> tuple[int, bytes]:
        headers = {"authorization": f"Bearer {key}"} if key else {}
        url = self.running.admin_url + path
        async with await wire.request(method, url, headers=headers, body=body) as reply:
            return reply.status, await reply.read()

    @property
    def workers(self) -> list[int]:
        pid = self.process.pid
        return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def kill_worker(self, number: int) -> None:
        os.kill(self.workers[number], signal.SIGKILL)

    async def stop(self) -> None:
        self.process.terminate()
        await asyncio.to_thread(self.process.wait, 60)

    def records(self, key: str) -> list[CallRecord]:
        """Every call of a key that this gateway's ledger holds, once it has stopped."""
        found = []
        for reader in open_readers(self.folder / "state" / "ledger", None):
            for leaf in reader.leaves(0, reader.size()):
                if b'"kind":"call/1"' in leaf:
                    record = msgspec.json.decode(leaf, type=CallRecord)
                    if record.key == key:
                        found.append(record)
            reader.close()
        return found


def charged(gateways: Sequence[Gateway], key: str) -> tuple[int, int]:
    """Tokens and nano-dollars that the records of all gateways say a key was charged."""
    found = [record.charged for one in gateways for record in one.records(key) if record.charged is not None]
    return sum(one.tokens for one in found), sum(one.nano_usd or 0 for one in found)


def standing_of(where: Where, place: Place) -> Standing:
    state = open_state(*where)
    (found,) = state.standings([place])
    state.close()
    return found


@asynccontextmanager
async def gateways(
    folder: Path, homes: Sequence[PocketHome], count: int, workers: int, state: str,
    environment: Mapping[str, str],
) -> AsyncIterator[list[Gateway]]:  # fmt: skip
    async with AsyncExitStack() as stack:
        for home in homes:
            await stack.enter_async_context(home.running())
        text = FILE.format(
            homes="".join(HOME.format(name=home.name, url=home.url) for home in homes),
            names=", ".join(f'"{home.name}"' for home in homes), state=state,
        )  # fmt: skip
        made = []
        for number in range(count):
            place = folder / f"gateway{number}"
            place.mkdir()
            (place / "freehold.toml").write_text(text)
            made.append(await stack.enter_async_context(_up(place, workers, environment)))
        yield made


@asynccontextmanager
async def _up(folder: Path, workers: int, environment: Mapping[str, str]) -> AsyncIterator[Gateway]:
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "freehold", "up", "-c", str(folder / "freehold.toml"), "--port", "0",
             "--admin-port", "0", "--workers", str(workers), "--quiet"],
            stdout=subprocess.PIPE, stderr=log, text=True,
            env={**os.environ, "FREEHOLD_HOME": str(folder / "state"), **environment},
        )  # fmt: skip
        assert process.stdout is not None
        try:
            for _ in range(2):
                assert await asyncio.to_thread(process.stdout.readline), (folder / "log").read_text()
            running = read_state(folder / "state")
            assert running is not None
            yield Gateway(process, running, folder)
        finally:
            process.terminate()
            await asyncio.to_thread(process.wait, 60)
            process.stdout.close()
