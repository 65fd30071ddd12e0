"""Rotating a key that lies in a file, so that a crash at any point is finished by the next start."""

from __future__ import annotations

from pathlib import Path

from freehold.clock import Clock, SystemClock
from freehold.errors import InputError
from freehold.ledger import handover, keychain, opening, writer
from freehold.ledger.filestore import FileStore
from freehold.ledger.layout import Layout
from freehold.ledger.note import Verifier
from freehold.ledger.settings import LedgerSettings
from freehold.ledger.signer import FileSigner


def rotate_file_key(
    place: Path, settings: LedgerSettings, *, actor: str, clock: Clock | None = None
) -> keychain.Rotation:
    """1. The new key is on disk. 2. Its coming is recorded. 3. The old key signs it. 4. Both sign
    a checkpoint. 5. The new key takes the old one's place.
    """
    clock = clock or SystemClock()
    if not Layout(place).exists:
        raise InputError(
            f"{place} is not a ledger", why="there is nothing to hand over", fix="name the writer's ledger",
            code="ledger.not-a-ledger",
        )  # fmt: skip
    old = opening.ensure_key(settings, place)
    path = Path(settings.signing_key) if settings.signing_key else place / "key.pem"
    following = handover.next_key_path(path)
    following.unlink(missing_ok=True)  # of an attempt that ended before the old key signed it
    new = FileSigner.create(old.name, following)
    ledger = writer.open(place, settings, old, clock)
    handover.record_handover(ledger, Verifier.of(old), Verifier.of(new), actor, clock)
    ledger.close()
    store = FileStore(place, old.name, sync=settings.sync, segment_bytes=settings.segment_size.bytes)
    try:
        rotation = handover.hand_over(store, old, new)
    finally:
        store.close()
    handover.settle_files(path, old.name, rotation.new)
    return rotation
