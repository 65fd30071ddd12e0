"""Who may speak to a loopback port: no web page that a browser was tricked into sending here."""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from urllib.parse import urlsplit

from freehold import wire


def stranger(request: wire.Request, listening_on: str) -> str | None:
    """Why this request is not for us; None if it is. A home that listens beyond loopback takes any host."""
    if not is_loopback(listening_on):
        return None
    for name in ("host", "origin"):
        value = request.headers.get(name)
        if value is not None and not is_loopback(_hostname(value)):
            return f"this home listens on loopback and does not answer to the {name} {value!r}"
    return None


def _hostname(value: str) -> str:
    try:
        return urlsplit(value if "://" in value else f"//{value}").hostname or ""
    except ValueError:
        return ""


@lru_cache(maxsize=64)
def is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
