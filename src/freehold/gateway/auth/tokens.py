"""A bearer token that is kept fresh elsewhere."""

from __future__ import annotations

from collections.abc import Mapping

from freehold.gateway.auth.identity import Refreshing


class BearerTokens:
    def __init__(self, tokens: Refreshing) -> None:
        self._tokens = tokens

    def headers(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes
    ) -> dict[str, str] | None:
        token = self._tokens.value
        return None if token is None else {"authorization": f"Bearer {token}"}

    @property
    def failure(self) -> str:
        return self._tokens.failure

    def wait_first(self, seconds: float) -> bool:
        return self._tokens.wait_first(seconds)

    def renew(self) -> None:
        self._tokens.renew()

    def close(self) -> None:
        self._tokens.close()
