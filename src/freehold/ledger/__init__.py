"""Evidence: what ran, where, under which policy, at what cost, with what verdicts.

Knows: how to append a record without blocking, keep it, sign for it and prove that it is in.
Must not know: what a call or a job does; it stores records and never interprets them beyond their schema.
Start with `writer` (the Recorder that rooms are given) and `committer` (its thread), then `segment` (what
is on disk) and `merkle` (why it can be proved). `receipt` and `verify` are what an outsider needs.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from freehold.ledger.opening import open_recorder, open_vault
    from freehold.ledger.plain import PlainRecorder
    from freehold.ledger.settings import LedgerSettings
    from freehold.ledger.signer import FileSigner
    from freehold.ledger.writer import Ledger, open

__all__ = ["FileSigner", "Ledger", "LedgerSettings", "PlainRecorder", "open", "open_recorder", "open_vault"]

# Loaded when first asked for: reading the settings must not cost every command the store and its keys.
_HOMES = {
    "open_recorder": "opening",
    "open_vault": "opening",
    "PlainRecorder": "plain",
    "LedgerSettings": "settings",
    "FileSigner": "signer",
    "Ledger": "writer",
    "open": "writer",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
