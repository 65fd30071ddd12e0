"""Opening the ledger that the settings describe: where it is, which key signs it, which store holds it."""

from __future__ import annotations

from pathlib import Path

from freehold.clock import Clock
from freehold.errors import UnavailableError
from freehold.ledger import handover, keychain
from freehold.ledger.content import FileContentKeys, Vault
from freehold.ledger.files import FileReader
from freehold.ledger.layout import writer_folder
from freehold.ledger.settings import LedgerSettings
from freehold.ledger.signer import FileSigner
from freehold.ledger.writer import Ledger, open

CONTENT_KEYS = "content-keys"


def open_recorder(
    settings: LedgerSettings, folder: Path, clock: Clock | None = None, *, database: str | None = None
) -> Ledger:
    """The ledger that the settings describe, below `folder` unless they say where; makes a key if need be.

    `database` is the resolved connection string where the settings choose PostgreSQL.
    """
    root = Path(settings.path) if settings.path else folder / "ledger"
    place = writer_folder(root, settings.writer)
    signer = ensure_key(settings, place)
    if settings.store == "postgres":
        from freehold.ledger import postgres  # needs the extra

        return postgres.open(database, place, settings, signer, clock)
    return open(place, settings, signer, clock)


def open_vault(root: Path) -> Vault:
    """Where a ledger's content is sealed: keys apart from what they seal."""
    return Vault(root / "content", FileContentKeys(root / CONTENT_KEYS))


def ensure_key(settings: LedgerSettings, place: Path) -> FileSigner:
    """The writer's signing key; a new one is made only where there is no ledger yet."""
    name = f"{settings.origin}/{settings.writer}"
    path = Path(settings.signing_key) if settings.signing_key else place / "key.pem"
    if handover.next_key_path(path).exists() and (place / "origin").exists():
        handover.settle_files(path, name, keychain.current(FileReader(place).keys()))
    if path.exists() or (place / "origin").exists():
        return FileSigner.load(name, path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise UnavailableError(
            f"the folder {path.parent} cannot be made", why=error.strerror or str(error),
            fix="make it writable, or set [ledger] path to another place", code="ledger.unwritable",
        ) from error  # fmt: skip
    return FileSigner.create(name, path)
