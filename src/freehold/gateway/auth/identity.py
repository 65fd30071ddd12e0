"""What the data plane sees of a cloud identity: headers for one request, from what is ready now."""

from __future__ import annotations

import importlib
import threading
from collections.abc import Mapping
from typing import Final, Protocol, cast

from freehold.clock import Clock
from freehold.errors import MissingExtraError
from freehold.types.homes import Home

REFRESH_AHEAD_SECONDS: Final = 300.0
RETRY_SECONDS: Final = 10.0
POLL_SECONDS_MAX: Final = 600.0
FIRST_SECONDS_MAX: Final = (
    5.0  # that a start waits for credentials; what comes later is used when it is there
)


class Identity(Protocol):
    """Ready to sign, or not yet. `headers` never blocks."""

    def headers(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes
    ) -> dict[str, str] | None:
        """What to add to the request; None while there is no valid credential."""
        ...

    @property
    def failure(self) -> str:
        """Why there is none, or why it could not be renewed: the kind of error, never its words."""
        ...

    def wait_first(self, seconds: float) -> bool:
        """Blocks until the first try was made, or so long."""
        ...

    def renew(self) -> None:
        """The home did not take it: fetch again soon, whatever it says of its life."""
        ...

    def close(self) -> None: ...


class Source(Protocol):
    """Fetches from the cloud's library; blocking, so only ever called in a thread."""

    def fetch(self) -> tuple[object, float | None]:
        """The credential, and for how many seconds from now it is good (None: for ever)."""
        ...


class Refreshing:
    """Keeps one credential fresh in a thread of its own, and the last good one when a refresh fails."""

    def __init__(self, source: Source, clock: Clock) -> None:
        self._source, self._clock = source, clock
        self._value: object = None
        self._good_until = 0.0
        self.failure = "not fetched yet"
        self._stopped = False
        self._wake = threading.Event()
        self._fetched_at = float("-inf")
        self._first = threading.Event()
        self._thread = threading.Thread(target=self._run, name="freehold-credentials", daemon=True)
        self._thread.start()

    @property
    def value(self) -> object:
        """The credential, or None where there is none that is still good."""
        return self._value if self._clock.monotonic_ns() / 1e9 < self._good_until else None

    def wait_first(self, seconds: float = FIRST_SECONDS_MAX) -> bool:
        """Before the loop runs: has the first try been made?"""
        return self._first.wait(seconds)

    def renew(self) -> None:
        """At most once in RETRY_SECONDS, however many calls were refused."""
        if self._clock.monotonic_ns() / 1e9 - self._fetched_at >= RETRY_SECONDS:
            self._wake.set()

    def close(self) -> None:
        self._stopped = True
        self._wake.set()

    def _run(self) -> None:
        while not self._stopped:
            self._wake.wait(self._refresh())
            self._wake.clear()

    def _refresh(self) -> float:
        """Fetch once; the seconds until the next time."""
        now = self._fetched_at = self._clock.monotonic_ns() / 1e9
        try:
            value, good_seconds = self._source.fetch()
        except Exception as error:  # noqa: BLE001  # the clouds' libraries raise what they like; none may end this
            self.failure = type(error).__name__
            return RETRY_SECONDS
        finally:
            self._first.set()
        self._value, self.failure = value, ""
        self._good_until = float("inf") if good_seconds is None else now + good_seconds
        if good_seconds is None:
            return POLL_SECONDS_MAX
        return max(min(good_seconds - REFRESH_AHEAD_SECONDS, POLL_SECONDS_MAX), RETRY_SECONDS)


_TABLE: dict[str, tuple[str, str]] = {
    "sigv4": ("freehold.gateway.auth.aws", "aws"),
    "google": ("freehold.gateway.auth.google", "gcp"),
    "entra": ("freehold.gateway.auth.azure", "azure"),
}


def require(kind: str, home: Home) -> None:
    """Import the cloud's library, which takes a moment and may not be there: before the loop needs it."""
    module, extra = _TABLE[kind]
    try:
        importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise MissingExtraError(extra, f"home {home.id!r}, which has no key of its own,") from error


def identity(kind: str, home: Home, *, service: str, scope: str, clock: Clock) -> Identity:
    """The identity that signs for a home; the extra it needs is named where it is missing."""
    require(kind, home)
    made = importlib.import_module(_TABLE[kind][0]).make(home, service=service, scope=scope, clock=clock)
    return cast("Identity", made)
