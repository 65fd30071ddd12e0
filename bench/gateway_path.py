"""What the gateway's own code costs per call and per streamed chunk, without a socket.

    python -m bench.gateway_path [--profile] [--write]

Bytes go into a caller's connection and into a home's, and come out of both; between them is everything a call
passes in `freehold up`: key (without limits), policy, order, breaker, metrics, records (dropped), log line.
The kernel and the loop are left out, so this is the part of bench/gateway.py that a change of ours moves, and
it can be read on a busy machine: look at the least of many short rounds. --profile says where it goes.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import gc
import os
import pstats
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.harness import Contender, Report, compare, environment
from bench.serve_freehold import NullRecorder
from freehold.cli.up import settled
from freehold.clock import SystemClock
from freehold.gateway.caller import CallerConnection
from freehold.gateway.keys import KeyBook, KeyRing
from freehold.gateway.plane import Plane
from freehold.gateway.state.sqlite import SqliteState
from freehold.gateway.upstream import Upstream
from freehold.types.names import HomeId

CALLS, CHUNKS, ROUNDS = 1000, 1000, 40
TURN = 10  # calls that end in one turn of the loop, as with 32 connections
_ASK = (
    b'{"model":"chat",%b"max_tokens":200,"messages":[{"role":"system","content":"You answer briefly."},'
    b'{"role":"user","content":"Tell me what there is to know about this, with care, and do not leave out '
    b'what matters most to people who build."}],"temperature":0.7}'
)
ESTATE = """\
[models.bench]

[homes.up]
vendor = "bench"
region = "here"
api = "openai-compatible"
model = "bench"
url = "http://127.0.0.1:9"
price = { input_usd_per_mtok = 3.0, output_usd_per_mtok = 15.0 }

[homes.spare]
vendor = "bench"
region = "here"
api = "openai-compatible"
model = "bench"
url = "http://127.0.0.1:9"
price = { input_usd_per_mtok = 4.0, output_usd_per_mtok = 20.0 }

[policies.all]
regions = ["here"]
on_cut = "continue"

[workloads.chat]
homes = ["up", "spare"]
policy = "all"
"""
_WORDS = b"It is as it is, and it was not always so. " * 7
_ANSWER = (
    b'{"id":"chatcmpl-1","object":"chat.completion","created":1760000000,"model":"bench","choices":[{"index":0,'
    b'"message":{"role":"assistant","content":"' + _WORDS + b'"},"finish_reason":"stop"}],'
    b'"usage":{"prompt_tokens":64,"completion_tokens":77,"total_tokens":141}}'
)
_EVENT = (
    b'data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1760000000,"model":"bench",'
    b'"choices":[{"index":0,"delta":{%b},"logprobs":null,"finish_reason":%b}]}\n\n'
)
_STREAM_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


class Wire:
    """A transport that takes everything and sends nothing."""

    def __init__(self) -> None:
        self.last = b""

    def write(self, data: bytes) -> None:
        self.last = data

    def set_write_buffer_limits(self, high: int) -> None: ...
    def get_extra_info(self, name: str) -> None: ...
    def is_closing(self) -> bool:
        return False

    def close(self) -> None: ...
    def abort(self) -> None: ...
    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...


class Joined:
    """One caller, one gateway, one home, joined by nothing but method calls."""

    def __init__(self, folder: Path) -> None:
        os.environ["FREEHOLD_HOME"] = str(folder)
        file = folder / "freehold.toml"
        file.write_text(ESTATE)
        clock, found = SystemClock(), settled(str(file))
        state = SqliteState(folder / "state.db")
        _, secret = KeyBook(state).create("bench")
        ring = KeyRing(clock)
        ring.put(state.keys(-1)[1])
        state.close()
        self.plane = Plane(
            found.estate, found.settings, NullRecorder(), found.credentials, clock=clock, keys=ring,
            log=(folder / "calls.log").open("w"),
        )  # fmt: skip
        pool = self.plane.lives[HomeId("up")].pool
        self.home, self.caller = Upstream(pool), CallerConnection(self.plane)
        self.heard = Wire()
        self._join(self.home, Wire())
        self._join(self.caller, self.heard)
        pool.give(self.home, True)
        self._head = (
            b"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            b"Authorization: Bearer %b\r\nContent-Length: " % secret.encode()
        )

    def _join(self, connection: Any, wire: Any) -> None:
        connection.connection_made(wire)

    def calls(self) -> None:
        body = _ASK % b""
        request = self._head + b"%d\r\n\r\n%b" % (len(body), body)
        reply = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (
            len(_ANSWER), _ANSWER,
        )  # fmt: skip
        for number in range(CALLS):
            self.caller.data_received(request)
            self.home.data_received(reply)
            if number % TURN == TURN - 1:
                self.plane.accounts.settle()
        self.plane.log.flush()
        if not self.heard.last.endswith(_ANSWER):
            raise RuntimeError(f"the caller was told {self.heard.last[:200]!r}")

    def chunks(self) -> None:
        body = _ASK % b'"stream":true,'
        self.caller.data_received(self._head + b"%d\r\n\r\n%b" % (len(body), body))
        self.home.data_received(_STREAM_HEAD)
        chunk = _chunk(_EVENT % (b'"content":" and so on, and on"', b"null"))
        for _ in range(CHUNKS):
            self.home.data_received(chunk)
        self.home.data_received(_chunk(_EVENT % (b"", b'"stop"')) + _chunk(b"data: [DONE]\n\n") + _chunk(b""))
        self.plane.accounts.settle()
        if not self.heard.last.endswith(b"0\r\n\r\n"):
            raise RuntimeError(f"the stream ended with {self.heard.last[-200:]!r}")


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def profiled(run: Callable[[], None]) -> None:
    profile = cProfile.Profile()
    for _ in range(ROUNDS):
        profile.runcall(run)
    pstats.Stats(profile).sort_stats("tottime").print_stats(40)


async def measured(asked: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory(prefix="freehold-bench-") as folder:
        path = Joined(Path(folder))
        if asked.profile:
            profiled(path.calls)
            profiled(path.chunks)
            return
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 20, 20)
        contenders = [
            Contender(name="a thousand plain calls", run=path.calls),
            Contender(name="a thousand streamed chunks", run=path.chunks),
        ]
        rows = compare(contenders, rounds=ROUNDS)
        report = Report(
            question="gateway-path", environment=environment(), rows=rows,
            notes=("ms per thousand are us for one; the least is what a busy machine disturbs least",),
        )  # fmt: skip
        print(report.markdown())
        if asked.write:
            report.write()
        path.plane.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--profile", action="store_true", help="say where the time goes")
    parser.add_argument("--write", action="store_true", help="write bench/results/gateway-path.md")
    asyncio.run(measured(parser.parse_args()))


if __name__ == "__main__":
    main()
