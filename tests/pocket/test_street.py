import pytest

from freehold.errors import ProblemsError, UnavailableError
from freehold.pocket import PocketHome
from freehold.pocket.street import Address, addresses, running
from freehold.types.homes import Home
from freehold.types.names import HomeId
from tests.pocket.talk import said, send


def home(name: str, url: str | None, api: str | None = "openai") -> Home:
    return Home(id=HomeId(name), vendor="v", operator="o", api=api, url=url)


def test_addresses_are_of_loopback_homes_that_serve() -> None:
    homes = [
        home("here", "http://127.0.0.1:4110"),
        home("there", "https://api.example.com"),
        home("named", "http://localhost:4111/v1"),
        home("compute", "http://127.0.0.1:4112", api=None),
        home("nowhere", None),
    ]
    assert addresses(homes) == {
        "here": Address(host="127.0.0.1", port=4110),
        "named": Address(host="localhost", port=4111),
    }


def test_addresses_shared_by_two_homes_are_a_problem() -> None:
    with pytest.raises(ProblemsError) as caught:
        addresses([home("one", "http://127.0.0.1:4110"), home("two", "http://127.0.0.1:4110")])
    assert caught.value.problems[0].path == "homes.two.url"


async def test_all_of_them_listen_and_know_each_other() -> None:
    homes = [PocketHome(name="east"), PocketHome("openai", name="west")]
    async with running([(one, Address(host="127.0.0.1", port=0)) for one in homes]):
        assert [(await send(one.url, said("hi"))).status for one in homes] == [200, 200]
        assert homes[0].neighbours["west"] is homes[1]


async def test_none_listens_when_one_cannot(free_port: int) -> None:
    taken = PocketHome(name="taken")
    async with taken.running():
        first, second = PocketHome(name="first"), PocketHome(name="second")
        taken_port = int(taken.url.rpartition(":")[2])
        places = [Address(host="127.0.0.1", port=free_port), Address(host="127.0.0.1", port=taken_port)]
        with pytest.raises(UnavailableError):
            async with running(list(zip([first, second], places, strict=True))):
                pass
        assert (await send(f"http://127.0.0.1:{free_port}", said("hi"))).broken == "ConnectionRefusedError"
