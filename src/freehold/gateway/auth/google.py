"""Google's application default credentials, by google-auth. Needs `freehold[gcp]`."""

from __future__ import annotations

import datetime
from typing import Any

import google.auth
import google.auth.transport.requests

from freehold.clock import Clock
from freehold.gateway.auth.identity import Refreshing
from freehold.gateway.auth.tokens import BearerTokens
from freehold.types.homes import Home

_LIFE_DEFAULT_SECONDS = 3000.0


class _Default:
    """`refresh` blocks and is not safe to call from two threads: it is only called from the one."""

    def __init__(self, scope: str, clock: Clock, loaded: Any = None) -> None:
        self._scope, self._clock, self._credentials = scope, clock, loaded

    def fetch(self) -> tuple[object, float | None]:
        if self._credentials is None:
            self._credentials, _ = google.auth.default(scopes=[self._scope])
        self._credentials.refresh(google.auth.transport.requests.Request())
        expiry: datetime.datetime | None = self._credentials.expiry
        if expiry is None:
            return self._credentials.token, _LIFE_DEFAULT_SECONDS
        left = expiry.replace(tzinfo=datetime.UTC).timestamp() - self._clock.now_ns() / 1e9
        return self._credentials.token, left


def make(home: Home, *, service: str, scope: str, clock: Clock) -> BearerTokens:
    return BearerTokens(Refreshing(_Default(scope, clock), clock))
