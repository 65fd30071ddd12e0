"""`freehold top` over a running gateway, as a person and as a program see it."""

from __future__ import annotations

import asyncio
import io
import os
import pty
import subprocess
import sys
from pathlib import Path

import msgspec
from rich.console import Console

from freehold.cli.top_draw import SPEND_LINES_MAX, draw
from freehold.cli.top_read import Frame, HomeLine, SpendLine
from tests.gateway.test_serve import Up, up

# A home whose capacity is stated, so that its room is known.
POOL = """
[pools.stated]
requests_per_min = 600
[homes.pooled]
vendor = "v"
api = "openai"
model = "claude-pocket"
url = "http://127.0.0.1:9"
pool = "stated"
[workloads.other]
homes = ["pooled"]
"""
SPEND = SpendLine(workload="chat", key="k", usd=1.5, usd_per_hour=0.0, unknown=0)


def frame(**more: object) -> Frame:
    home = HomeLine(
        home="a\x1b[2J", state="cooling", back_in_s=4.2, room=None, calls_per_s=1.0, failures_per_s=0.0,
        answered=1, failed=0, first_p50_s=0.012, first_p95_s=None, connections=1,
    )  # fmt: skip
    known = {
        "ready": True, "over_s": 1.0, "calls_per_s": 1.0, "in_flight": 0, "waiting": 0, "connections": 1,
        "processes": 1, "homes": (home,), "workloads": (), "spend": (),
    }  # fmt: skip
    return Frame(**(known | more))  # type: ignore[arg-type]


def drawn(found: Frame) -> str:
    console = Console(width=160, record=True, file=io.StringIO())
    console.print(draw(found, "http://127.0.0.1:4101"))
    return console.export_text()


def test_picture_shows_state_with_a_sign_and_unknown_as_such() -> None:
    text = drawn(frame())
    assert "\u25a0 cooling 4 s" in text
    assert "unknown" in text
    assert "12 ms" in text


def test_name_of_a_home_cannot_drive_the_terminal() -> None:
    assert "\x1b[2J" not in drawn(frame())


def test_long_list_of_spenders_ends_in_a_sum() -> None:
    text = drawn(frame(spend=(SPEND,) * (SPEND_LINES_MAX + 3)))
    assert "3 more" in text
    assert "$4.50" in text


async def freehold(place: Up, *words: str, environment: dict[str, str] | None = None) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "freehold", "top", *words, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={**os.environ, "FREEHOLD_HOME": str(place.file.parent / "state"), **(environment or {})},
    )  # fmt: skip
    out, err = await process.communicate()
    return process.returncode or 0, out.decode(), err.decode()


async def test_running_gateway_is_found_and_told_as_json(tmp_path: Path) -> None:
    async with up(tmp_path, "--workers", "2", more=POOL) as place:
        for _ in range(3):
            await place.call()
        code, out, _ = await freehold(place, "--json", "--interval", "0.1")
    told = msgspec.json.decode(out)
    rooms = {home["home"]: home["room"] for home in told["data"]["homes"]}
    assert rooms == {"a": None, "pooled": 1.0}
    assert (code, told["schema"]) == (0, "freehold.top/1")
    assert (told["data"]["processes"], told["data"]["homes"][0]["answered"]) == (2, 3)
    assert told["data"]["spend"] == [
        {"workload": "chat", "key": "", "usd": 0.0, "usd_per_hour": 0.0, "unknown": 3}
    ]


async def test_nothing_running_is_said_with_its_exit_code(tmp_path: Path) -> None:
    async with up(tmp_path) as place:
        url = place.running.url
        code, _, err = await freehold(place, "--once", "--admin", url)
        assert (code, "is no gateway's admin port" in err) == (4, True)
        nowhere = {"FREEHOLD_HOME": str(tmp_path / "other")}
        code, _, err = await freehold(place, "--once", environment=nowhere)
        assert (code, "error[gateway.not-running]" in err) == (4, True)
    code, _, err = await freehold(place, "--once", "--admin", place.running.admin_url)
    assert (code, "no gateway answers" in err) == (4, True)


async def test_live_picture_ends_at_q_and_gives_the_terminal_back(tmp_path: Path) -> None:
    async with up(tmp_path):
        code, seen = await asyncio.to_thread(_in_a_terminal, tmp_path / "state")
    assert code == 0
    assert b"\xe2\x97\x8f well" in seen
    assert b"\x1b[?1049h" in seen  # the second screen
    assert seen.endswith(b"\x1b[?25h\x1b[?1049l")  # the cursor and the first screen are back


def _in_a_terminal(state: Path) -> tuple[int, bytes]:
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ |= {"FREEHOLD_HOME": str(state), "TERM": "xterm", "COLUMNS": "150", "LINES": "40"}
        os.execv(sys.executable, [sys.executable, "-m", "freehold", "top", "--interval", "0.1"])
    seen = b""
    while b"well" not in seen:
        seen += os.read(terminal, 65536)
    os.write(terminal, b"q")
    try:
        while data := os.read(terminal, 65536):
            seen += data
    except OSError:
        pass  # how Linux says that the other end has gone
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), seen
