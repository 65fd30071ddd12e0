"""What was said, where a policy keeps it: sealed under the tenant's key; destroying the key erases it.

The tree commits to the ciphertext only. After the key is gone every proof still holds, and nothing in the
ledger, not even a digest of the plain words, is left to guess against.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import os
import secrets
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from freehold.errors import IntegrityError, UnavailableError
from freehold.ledger.layout import sync_folder, write_whole
from freehold.types.contracts import ContentKeys
from freehold.types.names import Digest, RecordId
from freehold.types.records import Content

KEY_BYTES = 32
NONCE_BYTES = 12
INLINE_BYTES_MAX = 12 * 1024  # request and response together fit a leaf; what is longer goes to a file


class FileContentKeys:
    """One key file per tenant, readable by its owner only. Implements `ContentKeys`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def key(self, tenant: str) -> bytes:
        """The tenant's key; a new one is made if there is none, also after the old one was destroyed."""
        path = self._path(tenant)
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return self._make(path)
        if len(data) != KEY_BYTES:
            raise _broken_key(path, "it does not hold 32 bytes")
        return data

    def destroy(self, tenant: str) -> None:
        """Overwrite and remove. Backups, and what a disk keeps of old blocks, are beyond our reach."""
        path = self._path(tenant)
        try:
            with path.open("r+b") as file:
                file.write(secrets.token_bytes(KEY_BYTES))
                file.flush()
                os.fsync(file.fileno())
            path.unlink()
            sync_folder(self._folder)
        except FileNotFoundError:
            return

    def _make(self, path: Path) -> bytes:
        """Written aside, then linked: of two processes at once one wins, and none reads half a key."""
        aside = path.with_name(f"{path.name}.{os.getpid()}-{secrets.token_hex(4)}")
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(secrets.token_bytes(KEY_BYTES))
                file.flush()
                os.fsync(file.fileno())
            with contextlib.suppress(FileExistsError):
                path.hardlink_to(aside)
            aside.unlink()
            sync_folder(self._folder)
            return path.read_bytes()
        except OSError as error:
            raise _broken_key(path, error.strerror or str(error)) from error

    def _path(self, tenant: str) -> Path:
        return self._folder / f"{hashlib.sha256(tenant.encode()).hexdigest()[:32]}.key"


class Vault:
    """Seals content, and opens it again while the key lives. Writes files: not for an event loop."""

    def __init__(self, folder: Path, keys: ContentKeys) -> None:
        self._folder, self._keys = folder, keys

    def seal(self, tenant: str, id: RecordId, part: str, data: bytes) -> Content:
        key = self._keys.key(tenant)
        nonce = secrets.token_bytes(NONCE_BYTES)
        sealed = nonce + AESGCM(key).encrypt(nonce, data, _bound(id, part))
        digest = Digest(f"sha256:{hashlib.sha256(sealed).hexdigest()}")
        name = key_name(key)
        if len(sealed) <= INLINE_BYTES_MAX:
            text = base64.b64encode(sealed).decode()
            return Content(digest=digest, length=len(data), sealed_base64=text, key_name=name)
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_whole(self._file(digest), sealed, sync=True)
        return Content(digest=digest, length=len(data), sealed_in_file=True, key_name=name)

    def open(self, tenant: str, id: RecordId, part: str, content: Content) -> bytes:
        key = self._keys.key(tenant)
        if content.key_name != key_name(key):
            raise UnavailableError(
                "this content was erased",
                why="the key that it was sealed under was destroyed",
                fix="nothing brings it back; the record and its proof still hold",
                code="ledger.content-erased",
            )
        sealed = self._sealed(content)
        try:
            return AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], _bound(id, part))
        except InvalidTag as error:
            raise _changed("it does not decrypt: it is of another record, or was changed") from error

    def _sealed(self, content: Content) -> bytes:
        if content.sealed_base64 is not None:
            try:
                sealed = base64.b64decode(content.sealed_base64, validate=True)
            except (binascii.Error, ValueError) as error:
                raise _changed("it is not base64") from error
        else:
            try:
                sealed = self._file(content.digest or Digest("")).read_bytes()
            except OSError as error:
                raise _changed(f"its file cannot be read: {error.strerror}") from error
        if f"sha256:{hashlib.sha256(sealed).hexdigest()}" != content.digest:
            raise _changed("it is not the ciphertext that the record commits to")
        return sealed

    def _file(self, digest: Digest) -> Path:
        return self._folder / digest.removeprefix("sha256:").replace("/", "")


def only_digest(data: bytes) -> Content:
    """What a record keeps by default."""
    return Content(digest=Digest(f"sha256:{hashlib.sha256(data).hexdigest()}"), length=len(data))


def key_name(key: bytes) -> str:
    """Tells keys apart and gives nothing away."""
    return hashlib.sha256(b"freehold content key\n" + key).hexdigest()[:16]


def _bound(id: RecordId, part: str) -> bytes:
    """Ciphertext belongs to one part of one record."""
    return f"freehold content v1\n{id}\n{part}\n".encode()


def _changed(why: str) -> IntegrityError:
    return IntegrityError(
        "this content cannot be opened", why=why, fix="restore the content folder from a copy",
        code="ledger.content-changed",
    )  # fmt: skip


def _broken_key(path: Path, why: str) -> UnavailableError:
    return UnavailableError(
        f"the content key {path.name} cannot be used", why=why, fix="restore it from a copy, or destroy it",
        code="ledger.content-key",
    )  # fmt: skip
