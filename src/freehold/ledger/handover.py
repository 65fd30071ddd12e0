"""Handing over to a new key: the old key signs the new, and both sign one checkpoint."""

from __future__ import annotations

import hashlib
from pathlib import Path

from freehold.clock import Clock, ulid
from freehold.ledger import keychain
from freehold.ledger.checkpoint import Checkpoint
from freehold.ledger.layout import sync_folder
from freehold.ledger.note import Verifier
from freehold.ledger.signer import FileSigner
from freehold.ledger.store import Store
from freehold.types.contracts import Recorder, Signer
from freehold.types.names import Digest
from freehold.types.records import AdminRecord


def record_handover(recorder: Recorder, old: Verifier, new: Verifier, actor: str, clock: Clock) -> None:
    """The hand-over itself is evidence, under the old key."""
    now_ns = clock.now_ns()
    recorder.record(
        AdminRecord(
            id=ulid(now_ns), time_ns=now_ns, actor=actor, action="ledger.key-rotate", subject=old.name,
            before=_key_digest(old), after=_key_digest(new),
        )
    )  # fmt: skip


def hand_over(store: Store, old: Signer, new: Signer) -> keychain.Rotation:
    """From here on only the new key opens this tree for writing; the old one still checks older receipts."""
    frontier = store.frontier
    rotation = keychain.Rotation.sign(store.origin, frontier.size, old, new)
    store.add_key(keychain.rotation_line(rotation))
    checkpoint = Checkpoint(origin=store.origin, size=frontier.size, root=frontier.root())
    store.publish(str(checkpoint.sign(old, new)), keep=True)
    return rotation


def next_key_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.next")


def settle_files(path: Path, name: str, current: Verifier | None) -> None:
    """Finish a hand-over that was cut short: the next key takes its place once the chain says so."""
    following = next_key_path(path)
    if current is None or not following.exists():
        return
    if Verifier.of(FileSigner.load(name, following)) != current:
        return
    if path.exists():
        old = Verifier.of(FileSigner.load(name, path))
        path.rename(path.with_name(f"{path.stem}-{old.key_id.hex()}{path.suffix}"))
    following.rename(path)
    sync_folder(path.parent)


def _key_digest(key: Verifier) -> Digest:
    return Digest(f"sha256:{hashlib.sha256(str(key).encode()).hexdigest()}")
