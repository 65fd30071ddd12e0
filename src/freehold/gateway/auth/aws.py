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

KEPT_SECONDS = 840.0  # where their end is not known; botocore renews them fifteen minutes ahead
_UNSIGNED = frozenset({"connection", "accept-encoding", "user-agent"})


class _Chain:
    """The chain is gone through anew each time, so that a file that was rewritten is seen.

    What has an end (a role, a container, an instance) is asked for again well before it; botocore keeps such
    credentials in the session, and renews them there.
    """

    def __init__(self, profile: str | None, clock: Clock) -> None:
        self._profile, self._clock = profile, clock
        self._kept: Any = None  # credentials that renew themselves

    def fetch(self) -> tuple[object, float | None]:
        credentials = self._kept
        if credentials is None:
            credentials = botocore.session.Session(profile=self._profile).get_credentials()
        if credentials is None:
            raise UnavailableError(
                "no AWS credentials were found",
                why="the chain of environment, files, container and instance gave none",
                fix="set AWS_ACCESS_KEY_ID, AWS_PROFILE or a role; or give the home a credential",
                code="gateway.no-credentials",
            )
        frozen = credentials.get_frozen_credentials()
        held = botocore.credentials.Credentials(frozen.access_key, frozen.secret_key, frozen.token)
        if not isinstance(credentials, botocore.credentials.RefreshableCredentials):
            return held, None
        self._kept = credentials
        return held, self._left(credentials)

    def _left(self, credentials: Any) -> float:
        """Seconds until they end; botocore shows it in no public way."""
        ends = getattr(credentials, "_expiry_time", None)
        return KEPT_SECONDS if ends is None else ends.timestamp() - self._clock.now_ns() / 1e9


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

    @property
    def failure(self) -> str:
        return self._chain.failure

    def wait_first(self, seconds: float) -> bool:
        return self._chain.wait_first(seconds)

    def renew(self) -> None:
        self._chain.renew()

    def close(self) -> None:
        self._chain.close()


def make(home: Home, *, service: str, scope: str, clock: Clock) -> SigV4:
    chain = Refreshing(_Chain(home.options.get("profile"), clock), clock)
    return SigV4(chain, service, home.options.get("signing_region") or home.region or "us-east-1")
