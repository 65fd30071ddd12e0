"""What every test may use, and the one rule they all live under: sockets reach loopback and nothing else."""

from __future__ import annotations

import importlib.util
import ipaddress
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

# A build machine draws the same examples every time, so that what landed stays green until the code changes.
# Elsewhere they are new each time, and find what these do not.
hypothesis.settings.register_profile("build", derandomize=True)
if os.environ.get("CI"):
    hypothesis.settings.load_profile("build")

ROOT = Path(__file__).resolve().parent.parent

# A test file whose first line is "# environment: NAME" is collected only where that environment is.
ENVIRONMENTS = {"align": "torch", "oracle": "trl", "engines": "ray"}


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    if collection_path.suffix != ".py" or not collection_path.name.startswith("test_"):
        return None
    with collection_path.open(encoding="utf-8") as file:
        first = file.readline().strip()
    if not first.startswith("# environment: "):
        return None
    module = ENVIRONMENTS[first.removeprefix("# environment: ")]
    return True if importlib.util.find_spec(module) is None else None


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of data kept outside the repository; a test that needs it skips where it is not."""
    named = os.environ.get("FREEHOLD_SHARED_DATA")
    folder = Path(named) if named else ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"needs data kept outside the repository: set FREEHOLD_SHARED_DATA (no folder {folder})")
    return folder


@pytest.fixture
def free_port() -> int:
    """A loopback port that nobody was listening on a moment ago. Prefer port 0 where the program takes it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def is_loopback(family: int, address: object) -> bool:
    if family not in (socket.AF_INET, socket.AF_INET6):
        return True  # unix sockets and socket pairs stay on this machine
    host = str(address[0]) if isinstance(address, tuple) else ""
    if host in ("localhost", ""):
        return True
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return False  # a name would be looked up, which is traffic too


@pytest.fixture(autouse=True, scope="session")
def sockets_stay_on_this_machine() -> Iterator[None]:
    connect, connect_ex = socket.socket.connect, socket.socket.connect_ex

    def refuse(address: object) -> None:
        raise PermissionError(f"a test tried to reach {address!r}; tests speak only to loopback")

    def guarded_connect(self: socket.socket, address: object) -> None:
        if not is_loopback(self.family, address):
            refuse(address)
        connect(self, address)  # type: ignore[arg-type]  # whatever the caller passed

    def guarded_connect_ex(self: socket.socket, address: object) -> int:
        if not is_loopback(self.family, address):
            refuse(address)
        return connect_ex(self, address)  # type: ignore[arg-type]  # whatever the caller passed

    socket.socket.connect = guarded_connect  # type: ignore[method-assign,assignment]
    socket.socket.connect_ex = guarded_connect_ex  # type: ignore[method-assign,assignment]
    yield
    socket.socket.connect = connect  # type: ignore[method-assign]
    socket.socket.connect_ex = connect_ex  # type: ignore[method-assign]
