"""SigV4 with the whole AWS credential chain, by botocore. Needs `freehold[aws]`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import botocore.auth  # type: ignore[import-untyped]  # botocore has no types
import botocore.awsrequest  # type: ignore[import-untyped]
import botocore.credentials  # type: ignore[import-untyped]
import botocore.session  # type: ignore[import-untyped]

from freehold.clock import Clock
from freehold.errors import UnavailableError
from freehold.gateway.auth.identity import Refreshing
from freehold.types.homes import Home

KEPT_SECONDS = 240.0  # botocore refreshes by itself when asked; asking this often is enough
_UNSIGNED = frozenset({"connection", "accept-encoding", "user-agent"})


class _Chain:
    def __init__(self, profile: str | None) -> None:
        self._session = botocore.session.Session(profile=profile)

    def fetch(self) -> tuple[object, float | None]:
        credentials = self._session.get_credentials()
        if credentials is None:
            raise UnavailableError(
                "no AWS credentials were found",
                why="the chain of environment, files, container and instance gave none",
                fix="set AWS_ACCESS_KEY_ID, AWS_PROFILE or a role; or give the home a credential",
                code="gateway.no-credentials",
            )
        frozen = credentials.get_frozen_credentials()
        held = botocore.credentials.Credentials(frozen.access_key, frozen.secret_key, frozen.token)
        return held, KEPT_SECONDS + 600.0


class SigV4:
    def __init__(self, chain: Refreshing, service: str, region: str) -> None:
        self._chain, self._service, self._region = chain, service, region

    def headers(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes
    ) -> dict[str, str] | None:
        credentials: Any = self._chain.value
        if credentials is None:
            return None
        signed = {name: value for name, value in headers.items() if name.lower() not in _UNSIGNED}
        request = botocore.awsrequest.AWSRequest(method, url, data=body, headers=signed)
        botocore.auth.SigV4Auth(credentials, self._service, self._region).add_auth(request)
        return {name: str(value) for name, value in request.headers.items() if name.lower() not in signed}

    def close(self) -> None:
        self._chain.close()


def make(home: Home, *, service: str, scope: str, clock: Clock) -> SigV4:
    chain = Refreshing(_Chain(home.options.get("profile")), clock)
    return SigV4(chain, service, home.options.get("signing_region") or home.region or "us-east-1")
