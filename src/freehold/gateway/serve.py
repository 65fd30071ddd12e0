"""`freehold up`: sockets, processes, signals. One process serves alone; several are watched from in front.

Sockets are opened before anything else, so that a port in use is said at once, and stay open while a process
that died is replaced.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import socket
import sys
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, Final, TextIO

import msgspec

from freehold import wire
from freehold.errors import UnavailableError
from freehold.gateway.admin import Admin
from freehold.gateway.links import DirectLink, Link, SocketLink, serve_link
from freehold.gateway.routes import check_homes
from freehold.gateway.sharing import Stores
from freehold.gateway.telemetry import Telemetry
from freehold.gateway.tls import Certificates
from freehold.gateway.worker import Read, ReceiptOf, Settled, Worker
from freehold.types.contracts import Recorder

BACKLOG: Final = 1024
RESTARTS_PER_MIN_MAX: Final = 10
TOKEN_BYTES: Final = 24
STATE_NAME: Final = "gateway.json"


class Running(msgspec.Struct, frozen=True, kw_only=True):
    """Where a running gateway is found by other commands; kept in the state folder, readable by its owner."""

    pid: int
    url: str
    admin_url: str
    token: str

    def __repr__(self) -> str:
        return f"Running(pid={self.pid}, url={self.url!r}, admin_url={self.admin_url!r})"


class Setup(msgspec.Struct, kw_only=True):
    """What `up` was asked for."""

    read: Read
    first: Settled
    recorder: Callable[[int], Recorder]  # made in each process, after the fork
    state: Path
    host: str
    port: int
    admin_port: int
    workers: int = 1
    stores: Stores | None = None  # of keys and limits; none: everybody may call
    admin_key: bytes | None = None  # the hash of the one that the settings name
    log: TextIO | None = None
    receipt: ReceiptOf | None = None
    telemetry: Telemetry | None = None
    announce: Callable[[Running], None] = lambda running: None


def listen(host: str, port: int, count: int) -> list[socket.socket]:
    """One socket per process on the same port; the kernel spreads connections over them."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made: list[socket.socket] = []
    try:
        for _ in range(count):
            one = socket.socket(family, socket.SOCK_STREAM)
            made.append(one)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if count > 1:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            one.bind((host, port))
            port = one.getsockname()[1]
            one.listen(BACKLOG)
            one.setblocking(False)
    except OSError as error:
        for one in made:
            one.close()
        raise UnavailableError(
            f"cannot listen on {host}:{port}", why=error.strerror or str(error),
            fix=f"stop what listens on port {port}, or choose another port", code="core.port-in-use",
        ) from error  # fmt: skip
    return made


def new_loop() -> asyncio.AbstractEventLoop:
    """uvloop where it is installed; asyncio's own loop does the same a little slower."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


def run_async(main: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(main)


def up(setup: Setup) -> None:
    """Serve until SIGTERM or SIGINT. What cannot be served is said here, before any process is made."""
    check_homes(setup.first.estate, setup.first.credentials)
    Certificates(setup.first.settings)
    sockets = listen(setup.host, setup.port, setup.workers)
    url = _url(setup.host, sockets[0].getsockname()[1], setup.first.settings.tls_cert is not None)
    if setup.workers == 1:
        run_async(_alone(setup, sockets[0], url))
    else:
        _in_front(setup, sockets, url)


async def _alone(setup: Setup, listening: socket.socket, url: str) -> None:
    recorder = setup.recorder(0)
    worker = Worker(
        setup.read,
        recorder,
        stores=setup.stores,
        log=setup.log,
        first=setup.first,
        receipt=setup.receipt,
        telemetry=setup.telemetry,
        admin_key=setup.admin_key,
    )
    try:
        await worker.start(listening)
        await _serve_admin(setup, [DirectLink(worker)], url, worker.stop)
    finally:
        _close(recorder)


def _close(recorder: Recorder) -> None:
    close = getattr(recorder, "close", None)
    if close is not None:
        close()


async def _serve_admin(
    setup: Setup, links: Sequence[Link], url: str, stop: Callable[[], Coroutine[Any, Any, int]]
) -> None:
    """The admin port, the signals, and the end in the right order."""
    token = secrets.token_urlsafe(TOKEN_BYTES)
    admin = Admin(links, token, host=setup.host)
    server = await wire.serve(admin.handle, setup.host, setup.admin_port)
    running = Running(
        pid=os.getpid(), url=url, admin_url=_url(setup.host, wire.port_of(server), False), token=token
    )
    _write_state(setup.state, running)
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    reloads: set[asyncio.Task[object]] = set()

    def reload() -> None:
        task: asyncio.Task[object] = loop.create_task(admin.reload())
        reloads.add(task)
        task.add_done_callback(reloads.discard)

    loop.add_signal_handler(signal.SIGHUP, reload)
    setup.announce(running)
    await ended.wait()
    admin.draining = True
    left = await stop()
    if left and setup.log is not None:
        setup.log.write(f"stopped; {left} calls did not finish in time\n")
    server.close()
    (setup.state / STATE_NAME).unlink(missing_ok=True)


def _write_state(folder: Path, running: Running) -> None:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / STATE_NAME
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(handle, "wb") as file:
        file.write(msgspec.json.encode(running))


def read_state(folder: Path) -> Running | None:
    try:
        return msgspec.json.decode((folder / STATE_NAME).read_bytes(), type=Running)
    except (OSError, msgspec.DecodeError):
        return None


def _url(host: str, port: int, secure: bool) -> str:
    return f"{'https' if secure else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"


# --- several processes ---


class _Child:
    """A gateway process and the link to it."""

    def __init__(self, number: int, pid: int, link: SocketLink) -> None:
        self.number, self.pid, self.link = number, pid, link


def _in_front(setup: Setup, sockets: list[socket.socket], url: str) -> None:
    children = [_fork(setup, number, sockets) for number in range(setup.workers)]
    # asyncio's own loop: uvloop keeps SIGCHLD to itself, and nothing here has to be fast.
    asyncio.run(_watch(setup, children, sockets, url))


def _fork(setup: Setup, number: int, sockets: list[socket.socket]) -> _Child:
    """Before any thread or loop runs in this process, or from the loop of one that has no threads."""
    here, there = socket.socketpair()
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid:
        there.close()
        here.setblocking(False)
        return _Child(number, pid, SocketLink(here))
    status = 1
    try:
        here.close()
        there.setblocking(False)
        asyncio.set_event_loop(None)
        signal.set_wakeup_fd(-1)
        for one in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
            signal.signal(one, signal.SIG_DFL)
        run_async(_child(setup, number, sockets[number], there))
        status = 0
    except BaseException as error:  # noqa: BLE001  # whatever it is, this process ends here and says so
        sys.stderr.write(f"gateway process {number}: {type(error).__name__}: {error}\n")
    finally:
        sys.stderr.flush()
        os._exit(status)


async def _child(setup: Setup, number: int, listening: socket.socket, link: socket.socket) -> None:
    recorder = setup.recorder(number)
    worker = Worker(
        setup.read, recorder, stores=setup.stores, log=setup.log, share=setup.workers,
        first=setup.first, receipt=setup.receipt, telemetry=setup.telemetry, admin_key=setup.admin_key,
    )  # fmt: skip
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, ended.set)
    loop.add_signal_handler(signal.SIGINT, lambda: None)  # the process in front says when
    loop.add_signal_handler(signal.SIGHUP, lambda: None)
    try:
        await worker.start(listening)
        linked = loop.create_task(serve_link(worker, link))
        linked.add_done_callback(lambda task: ended.set())  # nobody in front any more
        await ended.wait()
        await worker.stop()
        linked.cancel()
    finally:
        _close(recorder)


async def _watch(setup: Setup, children: list[_Child], sockets: list[socket.socket], url: str) -> None:
    links: list[Link] = [child.link for child in children]
    stopping = False
    gone_all = asyncio.Event()
    restarts: list[float] = []
    loop = asyncio.get_running_loop()

    def reap() -> None:
        while True:
            try:
                pid, _ = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            gone = next((child for child in children if child.pid == pid), None)
            if gone is not None and not stopping:
                _replace(gone)
            elif gone is not None:
                children.remove(gone)
                if not children:
                    gone_all.set()

    def _replace(gone: _Child) -> None:
        now = loop.time()
        restarts[:] = [at for at in restarts if now - at < 60.0] + [now]
        delay = 0.0 if len(restarts) <= RESTARTS_PER_MIN_MAX else 60.0
        gone.link.close()
        loop.call_later(delay, again, gone)

    def again(gone: _Child) -> None:
        if stopping:
            return
        made = _fork(setup, gone.number, sockets)
        children[children.index(gone)] = made
        links[gone.number] = made.link

    async def stop() -> int:
        nonlocal stopping
        stopping = True
        for child in list(children):
            try:
                os.kill(child.pid, signal.SIGTERM)
            except ProcessLookupError:  # it ended by itself, is reaped already, and waits to be replaced
                children.remove(child)
        if children:
            await gone_all.wait()
        return 0

    loop.add_signal_handler(signal.SIGCHLD, reap)
    await _serve_admin(setup, links, url, stop)
