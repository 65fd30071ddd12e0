"""The stores that gateways share, each real; started once, when the first test needs one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gateway.servers import Postgres, Redis, Where, postgres, redis_server


@pytest.fixture(scope="session")
def pg() -> Iterator[Postgres]:
    with postgres() as server:
        yield server


@pytest.fixture(scope="session")
def rd() -> Iterator[Redis]:
    with redis_server() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgres", "redis"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> Where:
    """A kind of store and the address of an empty one."""
    kind: str = request.param
    if kind == "sqlite":
        return kind, str(tmp_path / "state.db")
    server: Postgres | Redis = request.getfixturevalue({"postgres": "pg", "redis": "rd"}[kind])
    return kind, server.fresh()
