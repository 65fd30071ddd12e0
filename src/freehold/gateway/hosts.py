"""Who may speak to a loopback port: programs of this machine, and no web page a browser was tricked into."""

from __future__ import annotations

import ipaddress
from typing import Final
from urllib.parse import urlsplit

from freehold.gateway.head import Head

CHECKED_MAX: Final = 256


def is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


class HostGuard:
    """On loopback, Host and Origin must be loopback too, or named in the settings."""

    def __init__(self, listening_on: str, names: tuple[str, ...] = ()) -> None:
        self.loopback = is_loopback(listening_on)
        self._names = frozenset(name.lower() for name in names)
        self._fine: set[bytes] = set()

    def stranger(self, head: Head) -> str:
        """Why this request is not for us; empty if it is."""
        if not self.loopback:
            return ""
        lower = head.lower
        at = lower.find(b"\r\nhost:")
        if at < 0:
            return ""  # HTTP/1.0 may leave it out; a browser never does
        value = lower[at + 7 : lower.find(b"\r\n", at + 7)]
        if value not in self._fine:
            why = self.stranger_value("host", value.strip().decode("latin-1"))
            if why:
                return why
            if len(self._fine) < CHECKED_MAX:
                self._fine.add(value)
        if b"\r\norigin:" in lower:
            return self.stranger_value("origin", (head.get(b"origin") or b"").decode("latin-1"))
        return ""

    def stranger_value(self, name: str, value: str) -> str:
        host = _hostname(value)
        if is_loopback(host) or host in self._names:
            return ""
        return f"this gateway listens on loopback and does not answer to the {name} {value[:200]!r}"


def _hostname(value: str) -> str:
    try:
        return (urlsplit(value if "://" in value else f"//{value}").hostname or "").lower()
    except ValueError:
        return ""
