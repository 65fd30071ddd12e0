"""Evidence: what ran, where, under which policy, at what cost, with what verdicts.

Knows: how to append a record without blocking, keep it, sign for it and prove that it is in.
Must not know: what a call or a job does; it stores records and never interprets them beyond their schema.
Start with `plain` (one JSON line per record, synced in batches) and `signer` (an Ed25519 key in a file).
"""

from freehold.ledger.plain import PlainRecorder
from freehold.ledger.signer import FileSigner

__all__ = ["FileSigner", "PlainRecorder"]
