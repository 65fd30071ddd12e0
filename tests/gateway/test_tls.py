"""TLS on both sides, with an authority made for the test: what holds, what does not, what changes."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from pathlib import Path

import httpx
import msgspec
import openai
import pytest

from freehold import wire
from freehold.errors import InputError
from freehold.gateway.settings import GatewaySettings
from freehold.gateway.tls import Certificates, tls_in, tls_out
from freehold.pocket import FaultRule
from freehold.types.homes import Policy
from tests.gateway.authority import Authority
from tests.gateway.running import QUICK, Got, Street, ask, street

ASKED = ask("[pocket words tokens=24]", stream=True)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def settings(authority: Authority, cert: tuple[str, str] | None = None) -> GatewaySettings:
    named = {} if cert is None else {"tls_cert": cert[0], "tls_key": cert[1]}
    return GatewaySettings(tls_ca=str(authority.ca), **named)


async def post(place: Street, body: Mapping[str, object], tls: ssl.SSLContext) -> Got:
    data = msgspec.json.encode(body)
    url = f"{place.url}/v1/chat/completions"
    async with await wire.request("POST", url, body=data, tls=tls) as response:
        return Got(response.status, response.headers, await response.read())


# --- gateway to home ---


@pytest.mark.parametrize("api", ["openai", "anthropic", "bedrock-converse"])
async def test_home_is_reached_by_tls_under_the_authority_in_the_settings(
    authority: Authority, api: str
) -> None:
    outward = tls_out(settings(authority))
    async with street((api,), home_tls={0: authority.serving("home")}, tls=outward) as place:
        whole, stream = await place.post(ask()), await place.post(ASKED)
        connections = len(place.plane.lives["home0"].pool.connections)  # type: ignore[index]
    assert (whole.status, stream.finished) == (200, True)
    assert connections == 1  # kept, not opened anew for each


async def refused_by(place: Street) -> tuple[str, str]:
    got = await place.post(ask())
    assert got.status == 503
    return str(place.kept.attempts[0].error), got.error


async def test_home_under_an_unknown_authority_is_a_tls_failure_that_says_so(authority: Authority) -> None:
    outward = ssl.create_default_context()  # the system's authorities do not know ours
    async with street(("openai",), home_tls={0: authority.serving("home")}, tls=outward) as place:
        code, words = await refused_by(place)
        asked = place.homes[0].log.entries
    assert code == "gateway.attempt-tls"
    assert "its certificate does not hold: unable to get local issuer certificate" in words
    assert len(asked) == 0


@pytest.mark.parametrize(
    ("wrong", "why"),
    [({"host": "elsewhere.example"}, "IP address mismatch"), ({"expired": True}, "certificate has expired")],
)
async def test_certificate_that_does_not_hold_is_a_tls_failure(
    authority: Authority, wrong: dict[str, object], why: str
) -> None:
    serving = authority.serving("home", **wrong)  # type: ignore[arg-type]
    async with street(("openai",), home_tls={0: serving}, tls=authority.trusting()) as place:
        code, words = await refused_by(place)
    assert code == "gateway.attempt-tls"
    assert why in words


async def test_home_whose_certificate_does_not_hold_is_passed_over(authority: Authority) -> None:
    homes = {0: authority.serving("old", expired=True), 1: authority.serving("good")}
    async with street(("openai", "openai"), home_tls=homes, tls=authority.trusting()) as place:
        got = await place.post(ask())
    assert got.headers["x-freehold-home"] == "home1"
    assert got.headers["x-freehold-attempts"] == "2"


FAULTS = ("cut_fin", "cut_rst", "stall", "malformed_chunk", "reset_on_accept", "silent", "no_terminal")


@pytest.mark.parametrize("fault", FAULTS)
async def test_fault_behind_tls_is_not_noticed_either(authority: Authority, fault: str) -> None:
    rule = FaultRule(fault=fault, after=9)  # type: ignore[arg-type]
    homes = {0: authority.serving("a"), 1: authority.serving("b")}
    policy = Policy(on_cut="continue")
    async with street(
        ("openai", "openai"), faults={0: {"it": rule}}, policy=policy, home_tls=homes,
        tls=authority.trusting(), timeouts=QUICK,
    ) as place:  # fmt: skip
        got = await place.post(ASKED)
    assert (len(got.text.split()), got.finished) == (24, True)


async def test_new_authority_is_trusted_after_a_reload_and_kept_connections_are_not(
    authority: Authority, tmp_path: Path
) -> None:
    other = Authority(tmp_path, "other root")
    homes = {0: authority.serving("home")}
    async with street(("openai",), home_tls=homes, tls=authority.trusting()) as place:
        before = await place.post(ask())
        generation = place.plane.generation
        keys = dict.fromkeys(generation.estate.homes, "any")
        place.plane.reload(generation.estate, generation.settings, keys, tls=other.trusting())
        after = await place.post(ask())
    assert (before.status, after.status) == (200, 503)


# --- caller to gateway ---


async def test_callers_connection_is_kept_over_tls(authority: Authority) -> None:
    inward = tls_in(settings(authority, authority.issue("gateway")))
    client = httpx.AsyncClient(verify=authority.trusting())
    async with street(("openai",), tls_in=inward) as place, client:
        url = f"{place.url}/v1/chat/completions"
        got = [(await client.post(url, json=ask())).status_code for _ in range(5)]
        opened = len(place.plane.connections)
    assert (got, opened) == ([200] * 5, 1)


async def test_sdk_streams_over_tls_while_a_home_is_cut(authority: Authority) -> None:
    inward = tls_in(settings(authority, authority.issue("gateway")))
    cut = {"cut": FaultRule(fault="cut_rst", after=9)}
    async with street(("openai", "openai"), tls_in=inward, faults={0: cut}) as place:
        http = httpx.AsyncClient(verify=authority.trusting())
        client = openai.AsyncOpenAI(base_url=f"{place.url}/v1", api_key="k", http_client=http, max_retries=0)
        said = ""
        async for chunk in await client.chat.completions.create(**ASKED):  # type: ignore[call-overload]
            said += chunk.choices[0].delta.content or "" if chunk.choices else ""
        await client.close()
    assert len(said.split()) == 24


async def test_plain_request_to_a_tls_port_and_the_other_way_round_are_told_apart(
    authority: Authority,
) -> None:
    inward = tls_in(settings(authority, authority.issue("gateway")))
    async with street(("openai",), tls_in=inward) as secure, street(("openai",)) as plain:
        with pytest.raises((wire.WireError, OSError)):
            await wire.request("GET", secure.url.replace("https", "http") + "/v1/models")
        with pytest.raises((wire.WireError, OSError)):
            await post(Street([], plain.plane, plain.url.replace("http", "https"), plain.kept), ask(),
                       authority.trusting())  # fmt: skip
        assert (await plain.post(ask())).status == 200
        assert (await post(secure, ask(), authority.trusting())).status == 200


async def test_tls_greeting_that_never_ends_does_not_hold_up_others(authority: Authority) -> None:
    inward = tls_in(settings(authority, authority.issue("gateway")))
    async with street(("openai",), tls_in=inward) as place:
        port = int(place.url.rpartition(":")[2])
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"\x16\x03\x01\x02\x00")
        assert (await post(place, ask(), authority.trusting())).status == 200
        writer.transport.abort()


# --- the files ---


async def serial(port: int, authority: Authority) -> int:
    """Of the certificate that the port shows now."""
    context = authority.trusting()
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    found = writer.get_extra_info("peercert")["serialNumber"]
    writer.close()
    return int(found, 16)


async def test_certificate_read_again_is_shown_to_who_connects_from_then_on(authority: Authority) -> None:
    first = authority.issue("gateway")
    certificates = Certificates(settings(authority, first))
    async with street(("openai",), tls_in=certificates.inward) as place:
        port = int(place.url.rpartition(":")[2])
        before = await serial(port, authority)
        assert before == await serial(port, authority)
        renewed = settings(authority, authority.issue("gateway"))  # into the same files, as renewals do
        certificates.take(certificates.read(renewed))
        assert await serial(port, authority) != before


def test_authorities_that_did_not_change_keep_their_connections(authority: Authority, tmp_path: Path) -> None:
    certificates = Certificates(settings(authority))
    before = certificates.outward
    certificates.take(certificates.read(settings(authority)))
    assert certificates.outward is before
    certificates.take(certificates.read(settings(Authority(tmp_path, "other root"))))
    assert certificates.outward is not before


def test_file_that_cannot_be_used_is_refused_by_name_and_never_asks_on_a_terminal(
    authority: Authority, tmp_path: Path
) -> None:
    locked = authority.issue("locked", password=b"secret")
    with pytest.raises(InputError, match=r"gateway\.tls_cert") as caught:
        Certificates(settings(authority, locked))
    assert caught.value.code == "gateway.bad-tls"
    nonsense = tmp_path / "nonsense.pem"
    nonsense.write_text("no certificate")
    with pytest.raises(InputError, match=r"gateway\.tls_ca"):
        Certificates(GatewaySettings(tls_ca=str(nonsense)))
    with pytest.raises(InputError, match=r"gateway\.tls_ca"):
        Certificates(GatewaySettings(tls_ca=str(tmp_path / "absent.pem")))
