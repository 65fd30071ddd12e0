"""A PostgreSQL and a Redis of our own, on Unix sockets: started, killed and started again by tests."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import pytest

START_SECONDS_MAX = 60.0
Where = tuple[str, str]  # the kind of a store, and its address


class Server(Protocol):
    """What tests do with either."""

    kind: str

    def start(self) -> None: ...
    def crash(self) -> None: ...
    def fresh(self) -> str:
        """The address of an empty database."""
        ...


class Process:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.process: subprocess.Popen[bytes] | None = None

    def open(self, *words: str, user: str | None = None) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            words, user=user, cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip

    def crash(self) -> None:
        """At once: what was not synced is gone."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(60)


class Postgres(Process):
    """It refuses to run as root, so root runs it as nobody.

    It is killed, not the machine: what it has written is there without a sync.
    """

    kind = "postgres"

    def __init__(self, programs: Path, folder: Path) -> None:
        super().__init__(folder)
        self._programs, self._count, self.address = programs, 0, ""
        self._user = "nobody" if os.getuid() == 0 else None
        if self._user:
            os.chown(folder, pwd.getpwnam(self._user).pw_uid, pwd.getpwnam(self._user).pw_gid)
        made = self.open(
            str(programs / "initdb"), "-D", f"{folder}/data", "-A", "trust", "-U", "freehold", "--no-sync",
            user=self._user,
        )  # fmt: skip
        assert made.wait(60) == 0
        self.start()

    def start(self) -> None:
        import psycopg

        self.process = self.open(
            str(self._programs / "postgres"), "-D", f"{self.folder}/data", "-k", str(self.folder), "-h", "",
            "-c", "fsync=off", user=self._user,
        )  # fmt: skip
        for _ in patiently(self.process):
            try:
                psycopg.connect(self._address("postgres")).close()
                return
            except psycopg.OperationalError:
                continue  # it is still starting

    def _address(self, name: str) -> str:
        return f"host={self.folder} user=freehold dbname={name}"

    def fresh(self) -> str:
        import psycopg

        self._count += 1
        name = f"test{self._count}"
        with psycopg.connect(self._address("postgres"), autocommit=True) as database:
            database.execute(f"CREATE SCHEMA {name}")  # type: ignore[arg-type]  # a number of ours
        # A schema of its own is as good as a database, and made in no time.
        self.address = f"{self._address('postgres')} options=-csearch_path={name}"
        return self.address


class Redis(Process):
    """It writes each command to disk before it answers, as one that keeps budgets should."""

    kind = "redis"

    def __init__(self, program: str, folder: Path) -> None:
        super().__init__(folder)
        self._program = program
        self.start()

    def start(self) -> None:
        import redis

        self.process = self.open(
            self._program, "--port", "0", "--unixsocket", f"{self.folder}/redis.sock", "--dir",
            str(self.folder), "--appendonly", "yes", "--appendfsync", "always", "--save", "",
        )  # fmt: skip
        for _ in patiently(self.process):
            client = redis.Redis.from_url(self.address)
            try:
                client.ping()
                return
            except redis.RedisError:
                continue  # it is still starting
            finally:
                client.close()

    @property
    def address(self) -> str:
        return f"unix://{self.folder}/redis.sock"

    def fresh(self) -> str:
        import redis

        client = redis.Redis.from_url(self.address)
        client.flushall()
        client.close()
        return self.address


def patiently(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Again and again until whoever asks is content; not for ever, and not once it has ended."""
    until = time.monotonic() + START_SECONDS_MAX
    while time.monotonic() < until:
        assert process.poll() is None, "the server ended"
        yield
        time.sleep(0.01)
    raise AssertionError("the server did not start")


@contextmanager
def postgres() -> Iterator[Postgres]:
    pytest.importorskip("psycopg", reason="needs freehold[postgres]")
    found = [Path(name).parent for name in [shutil.which("initdb")] if name]
    found += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    if not found:
        pytest.skip("needs PostgreSQL's programs (initdb, postgres)")
    with tempfile.TemporaryDirectory(prefix="fh") as folder:  # a socket's path is short, pytest's is not
        made = Postgres(found[0], Path(folder))
        try:
            yield made
        finally:
            made.crash()


@contextmanager
def redis_server() -> Iterator[Redis]:
    pytest.importorskip("redis", reason="needs freehold[redis]")
    program = shutil.which("redis-server") or shutil.which("valkey-server")
    if program is None:
        pytest.skip("needs redis-server or valkey-server")
    with tempfile.TemporaryDirectory(prefix="fh") as folder:
        made = Redis(program, Path(folder))
        try:
            yield made
        finally:
            made.crash()
