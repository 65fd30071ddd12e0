"""The gateway as a process: started, reloaded, drained and killed the way operators do it."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from freehold import wire
from freehold.gateway import Running, read_state
from freehold.pocket import FaultRule, PocketHome
from tests.gateway.authority import Authority
from tests.gateway.test_tls import serial

FILE = """\
[models.claude-pocket]
[homes.a]
vendor = "v"
api = "openai"
model = "claude-pocket"
url = "{url}"
[workloads.{workload}]
homes = ["a"]
"""
BODY = b'{"model": "chat", "messages": [{"role": "user", "content": "to be"}]}'
SLOW = BODY.replace(b"to be", b"[pocket words tokens=20 tokens_per_s=40]").replace(
    b"{", b'{"stream": true, ', 1
)


class Up:
    def __init__(
        self, process: subprocess.Popen[str], running: Running, file: Path, home: PocketHome
    ) -> None:
        self.process, self.running, self.file, self.home = process, running, file, home

    async def call(self, body: bytes = BODY, key: str = "") -> tuple[int, bytes]:
        url, headers = f"{self.running.url}/v1/chat/completions", {"x-api-key": key} if key else {}
        async with await wire.request("POST", url, body=body, headers=headers) as response:
            return response.status, await response.read()

    async def answers(self) -> None:
        status, said = await self.call()
        assert status == 200, said

    async def admin(self, path: str, method: str = "GET", token: str = "") -> tuple[int, bytes]:
        headers = {"authorization": f"Bearer {token}"} if token else {}
        async with await wire.request(method, self.running.admin_url + path, headers=headers) as response:
            return response.status, await response.read()


@asynccontextmanager
async def up(folder: Path, *options: str, more: str = "") -> AsyncIterator[Up]:
    home = PocketHome("openai")
    async with home.running() as url:
        file, state = folder / "freehold.toml", folder / "state"
        file.write_text(FILE.format(url=url, workload="chat") + more)
        log = (folder / "log").open("w")
        process = subprocess.Popen(
            [sys.executable, "-m", "freehold", "up", "-c", str(file), "--port", "0", "--admin-port", "0",
             *options],
            stdout=subprocess.PIPE, stderr=log, text=True,
            env={**os.environ, "FREEHOLD_HOME": str(state)},
        )  # fmt: skip
        assert process.stdout is not None
        try:
            for _ in range(2):
                assert await asyncio.to_thread(process.stdout.readline), (folder / "log").read_text()
            running = read_state(state)
            assert running is not None
            yield Up(process, running, file, home)
        finally:
            process.terminate()
            await asyncio.to_thread(process.wait, 20)
            process.stdout.close()
            log.close()


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_calls_are_answered_counted_and_have_a_receipt(tmp_path: Path, workers: str) -> None:
    async with up(tmp_path, "--workers", workers) as place:
        for _ in range(4):
            await place.answers()
        _, metrics = await place.admin("/metrics")
        assert b'freehold_calls_total{workload="chat",home="a",outcome="ok"} 4\n' in metrics
        assert await place.admin("/ready") == (200, b"ready\n")
        async with asyncio.timeout(60):
            while not (words := (tmp_path / "log").read_text().split()):
                await asyncio.sleep(0.02)
            receipt = words[0]
            while (await place.admin(f"/receipts/{receipt}"))[0] == 202:
                await asyncio.sleep(0.05)
        assert (await place.admin(f"/receipts/{receipt}"))[0] == 200
        assert (await place.admin("/receipts/01ARZ3NDEKTSV4RRFFQ69G5FAV"))[0] == 404


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_settings_of_the_ledger_reach_its_gateway(tmp_path: Path, workers: str) -> None:
    more = '[ledger]\ncontent = "sealed"\nstrict = true\n'
    async with up(tmp_path, "--workers", workers, more=more) as place:
        await place.answers()
        stored = b"".join(one.read_bytes() for one in (tmp_path / "state" / "ledger").rglob("*.seg*"))
        assert b'"sealed_base64"' in stored  # strict: it is there by now
    assert b"to be" not in stored


async def test_reload_takes_a_good_file_and_refuses_a_bad_one(tmp_path: Path) -> None:
    async with up(tmp_path, "--workers", "2") as place:
        good = FILE.format(url=place.home.url, workload="other")
        place.file.write_text("nonsense =")
        _, refused = await place.admin("/reload", "POST", place.running.token)
        await place.answers()
        place.file.write_text(good)
        _, taken = await place.admin("/reload", "POST", place.running.token)
        assert (await place.call())[0] == 404
        told, done = msgspec.json.decode(refused), msgspec.json.decode(taken)
    assert (bool(told["problems"]), told["generation"]) == (True, 1)
    assert (done["problems"], done["generation"], done["processes"]) == ([], 2, 2)


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_reload_takes_what_the_ledger_is_to_keep_and_to_wait_for(tmp_path: Path, workers: str) -> None:
    async with up(tmp_path, "--workers", workers) as place:
        await place.answers()
        place.file.write_text(
            f'{place.file.read_text()}[ledger]\ncontent = "sealed"\nstrict = true\nwriter = "other"\n'
        )
        _, told = await place.admin("/reload", "POST", place.running.token)
        assert msgspec.json.decode(told)["problems"] == []
        await place.answers()
        stored = b"".join(one.read_bytes() for one in (tmp_path / "state" / "ledger").rglob("*.seg*"))
        assert stored.count(b'"sealed_base64"') == 2  # question and answer of the second; strict: it is there
    assert not list((tmp_path / "state" / "ledger").glob("other*"))


async def test_reload_needs_the_token(tmp_path: Path) -> None:
    async with up(tmp_path) as place:
        assert (await place.admin("/reload", "POST"))[0] == 401
        assert (await place.admin("/reload", "POST", "wrong"))[0] == 401


async def test_hangup_signal_reads_the_settings_again(tmp_path: Path) -> None:
    async with up(tmp_path) as place:
        place.file.write_text(FILE.format(url=place.home.url, workload="other"))
        place.process.send_signal(signal.SIGHUP)
        async with asyncio.timeout(60):
            while (await place.call())[0] != 404:
                await asyncio.sleep(0.02)
        assert (await place.call(BODY.replace(b'"chat"', b'"other"')))[0] == 200


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_renewed_certificate_is_shown_after_a_hangup_signal(tmp_path: Path, workers: str) -> None:
    authority = Authority(tmp_path)
    cert, key = authority.issue("gateway")
    more = f'[gateway]\ntls_cert = "{cert}"\ntls_key = "{key}"\n'
    async with up(tmp_path, "--workers", workers, more=more) as place:
        assert place.running.url.startswith("https://")
        port = int(place.running.url.rpartition(":")[2])
        before = await serial(port, authority)
        authority.issue("gateway")  # into the same files, as renewals do
        place.process.send_signal(signal.SIGHUP)
        async with asyncio.timeout(60):
            while await serial(port, authority) == before:
                await asyncio.sleep(0.02)


async def test_reload_names_what_waits_for_the_next_start(tmp_path: Path) -> None:
    async with up(tmp_path) as place:
        place.file.write_text(place.file.read_text() + "[gateway]\nport = 4999\nbody_max = '1MiB'\n")
        _, told = await place.admin("/reload", "POST", place.running.token)
    assert msgspec.json.decode(told)["at_start"] == ["gateway.port"]


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_stream_in_flight_is_finished_when_it_is_told_to_stop(tmp_path: Path, workers: str) -> None:
    async with up(tmp_path, "--workers", workers) as place:
        running = asyncio.create_task(place.call(SLOW))
        async with asyncio.timeout(60):
            while b"calls_in_flight 1" not in (await place.admin("/metrics"))[1]:
                await asyncio.sleep(0.01)
        place.process.terminate()
        status, body = await running
        assert await asyncio.to_thread(place.process.wait, 10) == 0
    assert status == 200
    assert body.endswith(b"data: [DONE]\n\n")
    assert read_state(tmp_path / "state") is None


async def test_readiness_goes_off_first_while_calls_still_finish(tmp_path: Path) -> None:
    async with up(tmp_path) as place:
        running = asyncio.create_task(place.call(SLOW))
        async with asyncio.timeout(60):
            while b"calls_in_flight 1" not in (await place.admin("/metrics"))[1]:
                await asyncio.sleep(0.01)
        place.process.terminate()
        async with asyncio.timeout(60):
            while (await place.admin("/ready")) != (503, b"draining\n"):
                await asyncio.sleep(0.005)
        assert not running.done()
        assert (await place.admin("/health"))[0] == 200
        assert (await running)[1].endswith(b"data: [DONE]\n\n")


CANARY = "canary-7f3a"


async def test_no_log_and_no_file_holds_a_word_of_a_body_or_a_key(tmp_path: Path) -> None:
    """Whatever goes wrong: bad bodies, unknown models, broken homes, cut streams, callers' keys."""
    words = CANARY.encode()
    good = BODY.replace(b"to be", words)
    bodies = [
        good, good.replace(b"{", b'{"stream": true, ', 1), good[:-1], b'{"model": "' + words + b'"}',
        good.replace(b'"user"', b'"' + words + b'"'), good.replace(b"{", b'{"' + words + b'": 1, ', 1),
        b'{"a":' * 3000 + b'"' + words + b'"', b"\xff" + words,
    ]  # fmt: skip
    async with up(tmp_path) as place:
        for faults in ({}, {"cut": FaultRule(fault="cut_rst", after=0)},
                       {"bad": FaultRule(fault="server_error", message=CANARY)}):  # fmt: skip
            await place.home.set_faults(faults)
            for body in bodies:
                await place.call(body)
        url = f"{place.running.url}/v1/chat/completions?api-key={CANARY}"
        async with await wire.request("POST", url, body=good, headers={"x-api-key": CANARY}) as response:
            await response.read()
        async with await wire.request("GET", f"{place.running.url}/{CANARY}") as response:
            await response.read()
    written = [path for path in tmp_path.rglob("*") if path.is_file() and path.name != "freehold.toml"]
    assert (tmp_path / "log").read_text().count("\n") > len(bodies)
    assert [str(path) for path in written if CANARY.encode() in path.read_bytes()] == []


async def test_process_that_dies_is_replaced(tmp_path: Path) -> None:
    async with up(tmp_path, "--workers", "2") as place:
        children = Path(f"/proc/{place.process.pid}/task/{place.process.pid}/children").read_text().split()
        os.kill(int(children[0]), signal.SIGKILL)
        async with asyncio.timeout(60):
            while True:
                now = Path(f"/proc/{place.process.pid}/task/{place.process.pid}/children").read_text().split()
                if len(now) == 2 and children[0] not in now:
                    break
                await asyncio.sleep(0.02)
        assert [(await place.call())[0] for _ in range(6)] == [200] * 6


WRONG = {
    "gateway.bad-tls": '[gateway]\ntls_cert = "nowhere.pem"\n',
    "gateway.bad-option": '[homes.b]\nvendor = "v"\napi = "openai"\nmodel = "claude-pocket"\n'
    'options = { timeout_idle_s = "soon" }\n[workloads.other]\nhomes = ["b"]\n',
    "gateway.unknown-option": '[homes.b]\nvendor = "v"\napi = "openai"\nmodel = "claude-pocket"\n'
    'options = { timeout_idel_s = "3" }\n[workloads.other]\nhomes = ["b"]\n',
    "gateway.no-address": '[homes.b]\nvendor = "v"\napi = "bedrock"\nmodel = "claude-pocket"\n'
    '[workloads.other]\nhomes = ["b"]\n',
}  # fmt: skip


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize("code", WRONG)
def test_what_cannot_be_served_is_said_before_any_process_is_made(
    tmp_path: Path, code: str, workers: str
) -> None:
    file = tmp_path / "freehold.toml"
    file.write_text(FILE.format(url="http://127.0.0.1:1", workload="chat") + WRONG[code])
    ended = subprocess.run(
        [sys.executable, "-m", "freehold", "up", "-c", str(file), "--port", "0", "--admin-port", "0",
         "--workers", workers],
        capture_output=True, text=True, check=False, timeout=60,
        env={**os.environ, "FREEHOLD_HOME": str(tmp_path / "state")},
    )  # fmt: skip
    assert ended.returncode == 3
    assert f"error[{code}]" in ended.stderr
    assert ended.stdout == ""


async def test_processes_that_die_again_and_again_do_not_keep_it_from_stopping(tmp_path: Path) -> None:
    async with up(tmp_path, "--workers", "2") as place:
        for _ in range(12):  # more often than they are replaced at once
            children = (
                Path(f"/proc/{place.process.pid}/task/{place.process.pid}/children").read_text().split()
            )
            for child in children:
                os.kill(int(child), signal.SIGKILL)
            await asyncio.sleep(0.05)
        place.process.terminate()
        assert await asyncio.to_thread(place.process.wait, 30) == 0


async def test_port_in_use_is_said_at_once(tmp_path: Path, free_port: int) -> None:
    async with up(tmp_path) as place:
        port = place.running.url.rpartition(":")[2]
        again = subprocess.run(
            [sys.executable, "-m", "freehold", "up", "-c", str(place.file), "--port", port],
            capture_output=True, text=True, check=False,
            env={**os.environ, "FREEHOLD_HOME": str(tmp_path / "b")},
        )  # fmt: skip
    assert again.returncode == 4
    assert "core.port-in-use" in again.stderr


async def test_room_of_pools_is_told_over_the_admin_port(tmp_path: Path) -> None:
    more = "[pools.small]\nrequests_per_min = 2\n"
    async with up(tmp_path, more=more) as place:
        place.file.write_text(
            place.file.read_text().replace('api = "openai"', 'api = "openai"\npool = "small"')
        )
        await place.admin("/reload", "POST", place.running.token)
        assert [(await place.call())[0] for _ in range(3)] == [200, 200, 429]
        told = msgspec.json.decode((await place.admin("/headroom"))[1])
        (pool,) = told["data"][0]["pools"]
        assert (pool["pool"], pool["room"], pool["known_by"]) == (
            "pool:small",
            pytest.approx(0, abs=0.1),
            "configured",
        )
        _, metrics = await place.admin("/metrics")
        room = re.search(rb'freehold_pool_room\{pool="pool:small"\} (\S+)', metrics)
        assert room is not None and float(room[1]) == pytest.approx(0, abs=0.1)
        assert b"freehold_turned_away_total 1" in metrics
