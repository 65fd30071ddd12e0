"""The ledger's part of freehold.toml: where evidence is kept."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from freehold.config.values import Duration, Size

PathText = Annotated[str, Meta(min_length=1, max_length=4000)]


class LedgerSettings(Struct, frozen=True, kw_only=True):
    """Where records go and how they are signed."""

    path: Annotated[
        PathText | None,
        Meta(description="The folder of the ledger; none means ledger/ under $FREEHOLD_HOME."),
    ] = None
    writer: Annotated[
        Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=64)],
        Meta(description="The name of this writer in receipts."),
    ] = "local"
    signing_key: Annotated[
        PathText | None, Meta(description="The Ed25519 key file; none means one made beside the ledger.")
    ] = None
    strict: Annotated[
        bool, Meta(description="Answer only once the record is on disk, whatever the policy says.")
    ] = False
    checkpoint_every: Annotated[
        Duration, Meta(description="The longest time between two signed checkpoints under load.")
    ] = Duration("1s")
    size_max: Annotated[
        Size | None, Meta(description="The most disk the ledger may take; none: no limit.")
    ] = None
