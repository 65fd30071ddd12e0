from typing import Any

import pytest

from freehold.pocket import FaultRule, PocketHome, neighbours
from tests.pocket.talk import Heard, said, send, using

RULES = {"faults": {"down": {"fault": "server_error"}}}


def control(home: PocketHome, method: str, path: str, body: object = None, *, token: str = "t") -> Heard:
    headers = {"x-pocket-token": token}
    return using(home, lambda url: send(url, body, f"/_pocket{path}", method=method, headers=headers))


def home(**more: Any) -> PocketHome:
    return PocketHome(token="t", **more)


@pytest.mark.parametrize("path", ["", "/faults", "/log"])
def test_control_needs_the_token(path: str) -> None:
    assert control(home(), "GET", path, token="wrong").status == 401


def test_put_sets_rules_and_delete_takes_them_away() -> None:
    async def use(url: str) -> list[int]:
        headers = {"x-pocket-token": "t"}
        await send(url, RULES, "/_pocket/faults", method="PUT", headers=headers)
        broken = await send(url, said("hi"))
        await send(url, None, "/_pocket/faults", method="DELETE", headers=headers)
        return [broken.status, (await send(url, said("hi"))).status]

    assert using(home(), use) == [500, 200]


def test_put_reports_every_problem_and_changes_nothing() -> None:
    before = {"slow": FaultRule(fault="slow_headers")}
    one = home(faults=before)
    wrong = {"faults": {"a": {"fault": "cut_rest"}, "b": {"fault": "stall", "probability": 2}}}
    heard = control(one, "PUT", "/faults", wrong)
    assert heard.status == 400
    assert [problem["path"] for problem in heard.json["error"]["problems"]] == [
        "faults.a.fault", "faults.b.probability",
    ]  # fmt: skip
    assert one.faults.rules == before


@pytest.mark.parametrize("body", [["faults"], {"fault": {}}, {"faults": 3}, {"faults": {"a": "stall"}}])
def test_put_of_something_else_is_refused(body: object) -> None:
    assert control(home(), "PUT", "/faults", body).status == 400


def test_get_shows_how_often_a_rule_was_played() -> None:
    async def use(url: str) -> Heard:
        await send(url, said("hi"))
        return await send(url, None, "/_pocket/faults", method="GET", headers={"x-pocket-token": "t"})

    heard = using(home(faults={"down": FaultRule(fault="unavailable")}), use)
    assert heard.json["played"] == {"down": 1}
    assert heard.json["faults"]["down"]["fault"] == "unavailable"


def test_log_is_shown_from_its_end() -> None:
    async def use(url: str) -> Heard:
        for text in ("one", "two", "three"):
            await send(url, said(text))
        return await send(url, None, "/_pocket/log?last=2", method="GET", headers={"x-pocket-token": "t"})

    bodies = [entry["body"] for entry in using(home(), use).json["log"]]
    assert ["two" in bodies[0], "three" in bodies[1]] == [True, True]


async def test_home_that_refuses_is_reached_through_its_neighbour() -> None:
    east, west = home(name="east"), home(name="west", faults={"down": FaultRule(fault="refuse")})
    neighbours([east, west])
    async with east.running() as east_url, west.running() as west_url:
        assert (await send(west_url, said("hi"))).broken == "ConnectionRefusedError"
        path, headers = "/_pocket/faults?home=west", {"x-pocket-token": "t"}
        await send(east_url, None, path, method="DELETE", headers=headers)
        assert (await send(west_url, said("hi"))).status == 200


def test_unknown_home_is_told_the_closest() -> None:
    heard = control(home(name="east"), "GET", "/faults?home=esat")
    assert heard.status == 404
    assert "'east'" in heard.json["error"]["what"]


def test_weights_of_a_home_without_a_model_are_not_found() -> None:
    assert control(home(), "GET", "/weights").status == 404


@pytest.mark.parametrize("body", [{}, {"folder": "/x"}, {"folder": 1, "digest": "d"}, []])
def test_weights_of_a_wrong_shape_are_refused(body: object) -> None:
    from freehold.pocket import engine

    assert control(home(engine=engine("model")), "PUT", "/weights", body).status == 400


def test_weights_that_are_not_there_are_not_taken() -> None:
    from freehold.pocket import engine

    wanted = {"folder": "/nowhere", "digest": "sha256:0"}
    assert control(home(engine=engine("model")), "PUT", "/weights", wanted).status == 409
