import pytest

from freehold import wire
from freehold.pocket.hosts import is_loopback, stranger


def request(**headers: str) -> wire.Request:
    return wire.Request(method="POST", target="/", headers=headers, body=b"")


@pytest.mark.parametrize(
    "host", ["127.0.0.1:4110", "localhost:4110", "[::1]:4110", "127.0.0.2", "a.localhost"]
)
def test_host_on_this_machine_is_no_stranger(host: str) -> None:
    assert stranger(request(host=host), "127.0.0.1") is None


@pytest.mark.parametrize("host", ["evil.example:4110", "10.0.0.1", "localhost.evil.example", "", "[::1", "0"])
def test_host_elsewhere_is_a_stranger(host: str) -> None:
    assert stranger(request(host=host), "127.0.0.1") is not None


@pytest.mark.parametrize(
    ("origin", "stays"), [("http://localhost:3000", True), ("https://evil.example", False), ("null", False)]
)
def test_origin_of_a_page_decides_too(origin: str, stays: bool) -> None:
    assert (stranger(request(host="localhost", origin=origin), "127.0.0.1") is None) is stays


def test_home_that_listens_to_everybody_takes_any_host() -> None:
    assert stranger(request(host="pocket.internal:4110"), "0.0.0.0") is None


@pytest.mark.parametrize(
    ("host", "is_it"), [("::1", True), ("[::1]", True), ("127.1.2.3", True), ("8.8.8.8", False), ("x", False)]
)
def test_is_loopback_knows_both_families(host: str, is_it: bool) -> None:
    assert is_loopback(host) is is_it
