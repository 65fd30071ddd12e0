"""Google's credentials from a service account file, against a token endpoint that checks the assertion."""

from __future__ import annotations

import asyncio
import base64
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from freehold import wire
from freehold.types.names import HomeId
from tests.gateway.auth.fakes import endpoint, form
from tests.gateway.authority import Authority
from tests.gateway.running import ask, street

pytest.importorskip("google.auth")
TOKEN = "ya29.a-token-of-the-fake-endpoint"


def account(folder: Path, token_uri: str) -> rsa.RSAPublicKey:
    """A service account file, and the key that its assertions are checked with."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "account.json").write_text(json.dumps({
        "type": "service_account", "project_id": "p", "private_key_id": "1", "private_key": pem.decode(),
        "client_email": "gateway@p.example", "token_uri": token_uri,
    }))  # fmt: skip
    return key.public_key()


def claims(assertion: str, key: rsa.RSAPublicKey) -> dict[str, object]:
    """Of a JWT whose signature holds."""
    signed, _, signature = assertion.rpartition(".")
    key.verify(_decoded(signature), signed.encode(), padding.PKCS1v15(), hashes.SHA256())
    found: dict[str, object] = json.loads(_decoded(signed.partition(".")[2]))
    return found


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


async def test_service_accounts_token_reaches_the_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority, keys = Authority(tmp_path), []

    def answer(request: wire.Request) -> object:
        said = claims(form(request)["assertion"], keys[0])
        assert said["iss"] == "gateway@p.example"
        return {"access_token": TOKEN, "expires_in": 3600, "token_type": "Bearer"}

    async with endpoint(answer) as fake_google:
        keys.append(account(tmp_path, f"{fake_google.url}/token"))
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "account.json"))
        async with street(
            ("vertex-claude",), credentials={}, accepts={0: (TOKEN,)}, tls=authority.trusting(),
            home_tls={0: authority.serving("vertex")},
        ) as place:  # fmt: skip
            identity = place.plane.lives[HomeId("home0")].identity
            assert identity is not None
            await asyncio.to_thread(identity.wait_first, 10)
            got = await place.post(ask("to be"))
    assert (got.status, got.text) == (200, "to be")
    assert len(fake_google.asked) == 1  # fetched once, not for each call


async def test_refused_token_endpoint_is_an_auth_failure_without_its_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority(tmp_path)
    async with endpoint(lambda request: 401) as fake_google:
        account(tmp_path, f"{fake_google.url}/token")
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "account.json"))
        async with street(
            ("vertex-claude", "openai"), credentials={"home1": "any"}, tls=authority.trusting(),
            home_tls={0: authority.serving("vertex")},
        ) as place:  # fmt: skip
            identity = place.plane.lives[HomeId("home0")].identity
            assert identity is not None
            await asyncio.to_thread(identity.wait_first, 10)
            got = await place.post(ask("to be"))
            attempt, answered = place.kept.attempts
            assert answered.outcome == "ok"
    assert got.headers["x-freehold-home"] == "home1"
    assert attempt.error == "gateway.attempt-auth"
    assert identity.failure == "RefreshError"
