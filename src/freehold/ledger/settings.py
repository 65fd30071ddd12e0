"""The ledger's part of freehold.toml: where evidence is kept."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from freehold.config.secrets import Secret
from freehold.config.values import Duration, Size, Url

PathText = Annotated[str, Meta(min_length=1, max_length=4000)]
VerifierText = Annotated[str, Meta(min_length=1, max_length=1000)]


class LedgerSettings(Struct, frozen=True, kw_only=True):
    """Where records go and how they are signed."""

    path: Annotated[
        PathText | None,
        Meta(description="The folder of the ledger; none means ledger/ under $FREEHOLD_HOME."),
    ] = None
    writer: Annotated[
        Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=64)],
        Meta(description="The name of this writer in receipts; each process that writes needs its own."),
    ] = "local"
    origin: Annotated[
        Annotated[str, Meta(pattern=r"^[^\s+/][^\s+]*$", max_length=180)],
        Meta(
            description="What checkpoints call this ledger, before the writer's name; best a host of yours."
        ),
    ] = "freehold"
    store: Annotated[
        Literal["files", "postgres"],
        Meta(description="Files on this machine, or PostgreSQL where writers are on several machines."),
    ] = "files"
    database: Annotated[
        Secret | None, Meta(description="For PostgreSQL: where its connection string is kept.")
    ] = None
    signing_key: Annotated[
        PathText | None, Meta(description="The Ed25519 key file; none means one made beside the ledger.")
    ] = None
    sync: Annotated[
        Literal["full", "none"],
        Meta(description="Sync every commit, or leave it to the system and risk the last seconds."),
    ] = "full"
    strict: Annotated[
        bool,
        Meta(
            description="Answer only once the record is on disk, whatever the policy. Read again at reload."
        ),
    ] = False
    strict_wait: Annotated[
        Duration, Meta(description="How long a call under a strict policy waits for its record.")
    ] = Duration("30s")
    checkpoint_every: Annotated[
        Duration, Meta(description="The longest time between a commit and its signed checkpoint.")
    ] = Duration("250ms")
    segment_size: Annotated[
        Size, Meta(description="Records go to a new file once one has grown to this size.")
    ] = Size("64MiB")
    buffer_records: Annotated[
        Annotated[int, Meta(ge=100, le=10_000_000)],
        Meta(description="The most records that wait in memory."),
    ] = 100_000
    spill: Annotated[
        PathText | None,
        Meta(description="The file that takes records while the store is away; none: beside the ledger."),
    ] = None
    spill_size: Annotated[Size, Meta(description="Disk set aside for the spill file beforehand.")] = Size(
        "32MiB"
    )
    size_max: Annotated[
        Size | None, Meta(description="The most disk the segments may take; none: no limit.")
    ] = None
    content: Annotated[
        Literal["digest", "sealed"],
        Meta(
            description="What records keep of what was said: digest and length, or all of it, sealed."
            " Read again at reload."
        ),
    ] = "digest"
    cross_every: Annotated[
        Duration, Meta(description="How often the checkpoints of the other writers are recorded here.")
    ] = Duration("1m")
    witnesses: Annotated[
        dict[VerifierText, Url],
        Meta(description="Addresses of witnesses, by their verifier keys."),
    ] = {}
    witness_every: Annotated[
        Duration, Meta(description="How often witnesses are asked for a cosignature.")
    ] = Duration("10s")
