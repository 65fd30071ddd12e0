"""Entra tokens by azure-identity's own chain, against a stand-in for the endpoint of a managed identity."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import pytest

from freehold.types.names import HomeId
from tests.gateway.auth.fakes import endpoint
from tests.gateway.authority import Authority
from tests.gateway.running import ask, street

pytest.importorskip("azure.identity")
TOKEN = "a-token-of-the-fake-identity-endpoint"


async def test_managed_identitys_token_reaches_the_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.startswith(("AZURE_", "IDENTITY_", "MSI_"))]:
        monkeypatch.delenv(name)
    authority = Authority(tmp_path)
    given = {"access_token": TOKEN, "expires_on": str(int(time.time()) + 3600), "resource": "r",
             "token_type": "Bearer"}  # fmt: skip
    async with endpoint(lambda request: given) as fake_entra:
        monkeypatch.setenv("IDENTITY_ENDPOINT", f"{fake_entra.url}/msi/token")
        monkeypatch.setenv("IDENTITY_HEADER", "header-of-the-fake")
        async with street(
            ("foundry-anthropic",), credentials={}, accepts={0: (TOKEN,)}, tls=authority.trusting(),
            home_tls={0: authority.serving("foundry")},
        ) as place:  # fmt: skip
            identity = place.plane.lives[HomeId("home0")].identity
            assert identity is not None
            await asyncio.to_thread(identity.wait_first, 20)
            got = await place.post(ask("to be"))
    assert (got.status, got.text) == (200, "to be")
    assert "resource=https" in fake_entra.asked[0].target
    assert fake_entra.asked[0].headers["x-identity-header"] == "header-of-the-fake"
