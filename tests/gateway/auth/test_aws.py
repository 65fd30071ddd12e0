"""SigV4 with the credential chain, checked by a server that works every signature out for itself."""

from __future__ import annotations

import asyncio
import datetime
import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from freehold import wire
from freehold.estate.model import Estate
from freehold.gateway.plane import Plane
from freehold.gateway.settings import GatewaySettings
from freehold.types.homes import Home, Workload
from freehold.types.names import HomeId, ModelId, WorkloadId
from tests.gateway.auth.fakes import Endpoint, converse_answer, endpoint, sigv4_holds
from tests.gateway.authority import Authority
from tests.gateway.running import Got, Kept, Street, ask

pytest.importorskip("botocore")
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
MODEL = "arn:aws:bedrock:eu-central-1:1:inference-profile/eu.claude-x:0"


@pytest.fixture(autouse=True)
def nothing_of_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@asynccontextmanager
async def gateway(
    url: str, tls: Authority, options: Mapping[str, str] | None = None
) -> AsyncIterator[Street]:
    """In front of one Bedrock home without a key of its own."""
    home = Home(
        id=HomeId("aws"), vendor="aws", operator="aws", region="eu-central-1", api="bedrock",
        model=ModelId("claude-x"), model_name=MODEL, url=url, options=dict(options or {}),
    )  # fmt: skip
    chat = Workload(id=WorkloadId("chat"), homes=(home.id,))
    kept = Kept()
    plane = Plane(Estate(homes={home.id: home}, workloads={chat.id: chat}), GatewaySettings(), kept, {},
                  tls=tls.trusting())  # fmt: skip
    server = await plane.serve("127.0.0.1", 0)
    try:
        identity = plane.lives[home.id].identity
        assert identity is not None
        await asyncio.to_thread(identity.wait_first, 10)
        port = server.sockets[0].getsockname()[1]
        yield Street([], plane, f"http://127.0.0.1:{port}", kept)
    finally:
        server.close()
        await plane.drain(0.5)
        plane.close()
        await asyncio.sleep(0)


def checked(secret: str, token: str | None) -> Callable[[wire.Request], object]:
    def answer(request: wire.Request) -> object:
        holds = sigv4_holds(request, secret) and request.headers.get("x-amz-security-token") == token
        return converse_answer("signed") if holds else 403

    return answer


async def call(authority: Authority, secret: str, token: str | None, **options: str) -> tuple[Got, Endpoint]:
    serving = endpoint(checked(secret, token), authority.serving("aws"))
    async with serving as aws, gateway(aws.url, authority, options) as place:
        return await place.post(ask("to be")), aws


async def test_keys_of_the_environment_sign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDENV")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    got, aws = await call(Authority(tmp_path), SECRET, None)
    assert got.text == "signed"
    assert "AKIDENV" in aws.asked[0].headers["authorization"]
    assert "/eu-central-1/bedrock/aws4_request" in aws.asked[0].headers["authorization"]
    assert "%3A" in aws.asked[0].target  # the path is signed as it is sent


async def test_named_profile_signs(tmp_path: Path) -> None:
    (tmp_path / "credentials").write_text(
        f"[mine]\naws_access_key_id = AKIDFILE\naws_secret_access_key = {SECRET}\naws_session_token = T\n"
    )
    got, _ = await call(Authority(tmp_path), SECRET, "T", profile="mine")
    assert got.text == "signed"


async def test_container_credentials_sign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ends = datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=6)
    given = {
        "AccessKeyId": "AKIDCONTAINER", "SecretAccessKey": SECRET, "Token": "C",
        "Expiration": ends.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }  # fmt: skip
    async with endpoint(lambda request: given) as fake_container_agent:
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{fake_container_agent.url}/creds")
        monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "agent-token")
        got, _ = await call(Authority(tmp_path), SECRET, "C")
    assert got.text == "signed"
    assert fake_container_agent.asked[0].headers["authorization"] == "agent-token"


ASSUMED = """<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult>
<Credentials><AccessKeyId>AKIDROLE</AccessKeyId><SecretAccessKey>{secret}</SecretAccessKey>
<SessionToken>R</SessionToken><Expiration>{ends}</Expiration></Credentials>
<AssumedRoleUser><Arn>arn:aws:sts::1:assumed-role/r/s</Arn><AssumedRoleId>a:s</AssumedRoleId></AssumedRoleUser>
</AssumeRoleResult><ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></AssumeRoleResponse>"""


async def test_assumed_role_signs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ends = datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=1)
    words = ASSUMED.format(secret="role-secret", ends=ends.strftime("%Y-%m-%dT%H:%M:%SZ"))
    async with endpoint(lambda request: words.encode()) as fake_sts:
        (tmp_path / "credentials").write_text(
            f"[base]\naws_access_key_id = AKIDBASE\naws_secret_access_key = {SECRET}\n"
        )
        (tmp_path / "config").write_text(
            "[profile role]\nrole_arn = arn:aws:iam::1:role/r\nsource_profile = base\nregion = eu-central-1\n"
        )
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", fake_sts.url)
        got, aws = await call(Authority(tmp_path), "role-secret", "R", profile="role")
    assert got.text == "signed"
    assert "AKIDROLE" in aws.asked[0].headers["authorization"]


async def test_without_any_credentials_the_attempt_is_an_auth_failure_that_says_so(tmp_path: Path) -> None:
    got, aws = await call(Authority(tmp_path), SECRET, None)
    assert got.status == 503
    assert "auth (no credential is ready: UnavailableError)" in got.error
    assert "check the homes' credentials" in got.error
    assert aws.asked == []
