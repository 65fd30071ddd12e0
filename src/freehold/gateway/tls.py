"""Certificates: the one callers see, and how those of homes are checked; both read again at a reload."""

from __future__ import annotations

import hashlib
import ssl
from pathlib import Path
from typing import Final, NamedTuple

from freehold.errors import InputError
from freehold.gateway.settings import GatewaySettings

HANDSHAKE_SECONDS_MAX: Final = 10.0
_PROTOCOLS: Final = ["http/1.1"]


class Pair(NamedTuple):
    """What one reading of the files gave."""

    inward: ssl.SSLContext | None
    outward: ssl.SSLContext
    authorities: bytes  # digest of the file of them; the same authorities, the same context


class Certificates:
    """`inward` is what the port is opened with and never changes; each handshake takes what is current."""

    def __init__(self, settings: GatewaySettings) -> None:
        self._current = Pair(tls_in(settings), tls_out(settings), _digest(settings.tls_ca))
        self.inward = self._current.inward
        if self.inward is not None:
            self.inward.sni_callback = self._present

    @property
    def outward(self) -> ssl.SSLContext:
        return self._current.outward

    def read(self, settings: GatewaySettings) -> Pair:
        """The files as they are now; an InputError where one cannot be used."""
        inward, authorities = tls_in(settings), _digest(settings.tls_ca)
        same = authorities == self._current.authorities
        outward = self._current.outward if same else tls_out(settings)
        return Pair(inward or self._current.inward, outward, authorities)

    def take(self, pair: Pair) -> None:
        self._current = pair

    def _present(self, connection: ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> None:
        """Called at every handshake, with a server name or without."""
        if self._current.inward is not None:
            connection.context = self._current.inward


def tls_in(settings: GatewaySettings) -> ssl.SSLContext | None:
    """The certificate callers see, if calls come in by TLS."""
    if settings.tls_cert is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(_PROTOCOLS)
    try:
        # Without a password here, a key that wants one would be asked for on the terminal.
        context.load_cert_chain(settings.tls_cert, settings.tls_key, password="")
    except (OSError, ssl.SSLError) as error:
        raise _bad_tls("tls_cert", settings.tls_cert, error) from error
    return context


def tls_out(settings: GatewaySettings) -> ssl.SSLContext:
    """How homes' certificates are checked. There is no way to switch it off."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(_PROTOCOLS)
    if settings.tls_ca is not None:
        try:
            context.load_verify_locations(settings.tls_ca)
        except (OSError, ssl.SSLError) as error:
            raise _bad_tls("tls_ca", settings.tls_ca, error) from error
    return context


def _digest(path: str | None) -> bytes:
    if path is None:
        return b""
    try:
        return hashlib.sha256(Path(path).read_bytes()).digest()
    except OSError as error:
        raise _bad_tls("tls_ca", path, error) from error


def _bad_tls(setting: str, path: str, error: Exception) -> InputError:
    return InputError(
        f"gateway.{setting} {path!r} cannot be used", why=str(error),
        fix="name a PEM file that can be read, with a key that needs no password",
        code="gateway.bad-tls",
    )  # fmt: skip
