"""Entra tokens, by azure-identity. Needs `freehold[azure]`."""

from __future__ import annotations

from typing import Any

import azure.identity

from freehold.clock import Clock
from freehold.gateway.auth.identity import Refreshing
from freehold.gateway.auth.tokens import BearerTokens
from freehold.types.homes import Home


class _Entra:
    def __init__(self, scope: str, clock: Clock, credential: Any = None) -> None:
        self._scope, self._clock = scope, clock
        self._credential = credential

    def fetch(self) -> tuple[object, float | None]:
        if self._credential is None:
            self._credential = azure.identity.DefaultAzureCredential()
        token = self._credential.get_token(self._scope)
        return token.token, token.expires_on - self._clock.now_ns() / 1e9


def make(home: Home, *, service: str, scope: str, clock: Clock) -> BearerTokens:
    return BearerTokens(Refreshing(_Entra(home.options.get("scope", scope), clock), clock))
