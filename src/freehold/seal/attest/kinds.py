"""The kinds of evidence, as a literal table. Adding one is one module, row, fake, and docs row."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import NamedTuple

from freehold.seal.attest.context import Context
from freehold.seal.attest.recognise import Piece
from freehold.seal.attest.result import Part
from freehold.types.names import Tier


class Kind(NamedTuple):
    role: str
    module: str
    tier: Tier
    title: str
    needs: tuple[str, ...]  # checks that must have been made; one that is missing counts as not checked


_CHAIN = ("format", "chain", "validity", "signature")
_FRESH = ("nonce", "binding")
_GUEST = ("debug", "measurement", *_FRESH)
_SNP = (*_CHAIN, "revocation", "leaf", "tcb", "tcb-committed", "vmpl", "migration")
_TDX = (*_CHAIN, "revocation", "leaf", "collateral", "tcb")
_TOKEN = ("format", "issuer", "signature", "validity", "tcb")

KINDS: tuple[Kind, ...] = (
    Kind("snp", "freehold.seal.attest.snp", "attested", "AMD SEV-SNP report", (*_SNP, *_GUEST)),
    Kind("tdx", "freehold.seal.attest.tdx", "attested", "Intel TDX quote", (*_TDX, *_GUEST, "migration")),
    Kind("sgx", "freehold.seal.attest.tdx", "attested", "Intel SGX quote", (*_TDX, *_GUEST)),
    Kind("nitro", "freehold.seal.attest.nitro", "attested", "AWS Nitro document", (*_CHAIN, *_GUEST)),
    Kind(
        "azure", "freehold.seal.attest.azure", "attested", "Azure confidential VM evidence",
        (*_CHAIN, "revocation", "leaf", "tcb", "migration", "quote", *_GUEST),
    ),
    Kind(
        "nvidia", "freehold.seal.attest.nvidia", "attested", "NVIDIA GPU or switch report",
        (*_CHAIN, "revocation", "leaf", "reference", *_FRESH),
    ),
    Kind(
        "nvidia-eat", "freehold.seal.attest.eat", "vouched", "NVIDIA detached EAT",
        (*_TOKEN, "leaf", *_FRESH),
    ),
    Kind(
        "token", "freehold.seal.attest.vouched", "vouched", "an operator's token",
        (*_TOKEN, "audience", *_GUEST),
    ),
)  # fmt: skip


def verifier(role: str) -> Callable[[Piece, Context], Part]:
    """The `verify` of a kind, imported when it is first needed."""
    row = next(kind for kind in KINDS if kind.role == role)
    found: Callable[[Piece, Context], Part] = importlib.import_module(row.module).verify
    return found


def kind(role: str) -> Kind:
    return next(row for row in KINDS if row.role == role)
