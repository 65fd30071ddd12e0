"""An Ed25519 key in a file that only its owner can read."""

from __future__ import annotations

import os
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from freehold.errors import InputError

KEY_FILE_BYTES_MAX = 4096


class FileSigner:
    """Signs with a PKCS#8 key file. The key never appears in a repr, a log or an error."""

    algorithm = "ed25519"

    def __init__(self, name: str, key: Ed25519PrivateKey) -> None:
        self.name = name
        self._key = key
        self.public_key = key.public_key().public_bytes_raw()

    def __repr__(self) -> str:
        return f"FileSigner({self.name!r}, {self.public_key.hex()[:16]}...)"

    def sign(self, message: bytes) -> bytes:
        return self._key.sign(message)

    @classmethod
    def create(cls, name: str, path: Path) -> FileSigner:
        """Make a new key file; an existing one is never overwritten."""
        key = Ed25519PrivateKey.generate()
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as error:
            raise _cannot(path, f"it cannot be created: {error.strerror}") from error
        with os.fdopen(descriptor, "wb") as file:
            file.write(pem)
            file.flush()
            os.fsync(file.fileno())
        return cls(name, key)

    @classmethod
    def load(cls, name: str, path: Path) -> FileSigner:
        try:
            with path.open("rb") as file:
                if os.fstat(file.fileno()).st_mode & 0o077:
                    raise _cannot(path, "others can read it", f"chmod 600 {path}, or make a new key")
                pem = file.read(KEY_FILE_BYTES_MAX + 1)
        except OSError as error:
            raise _cannot(path, f"it cannot be read: {error.strerror}") from error
        try:
            key = serialization.load_pem_private_key(pem, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise _cannot(path, "it is not an unencrypted PEM private key") from error
        if not isinstance(key, Ed25519PrivateKey):
            raise _cannot(path, "it holds a key of another kind")
        return cls(name, key)


def _cannot(path: Path, why: str, fix: str = "name another file, or make a new key") -> InputError:
    return InputError(f"the signing key {path} cannot be used", why=why, fix=fix, code="ledger.key-file")
