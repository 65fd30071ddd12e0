"""Intel's signed JSON: TCB information and enclave identities.

The signature is over the exact bytes of the inner value, never over a re-encoding; so those bytes are kept.
"""

from __future__ import annotations

from typing import Generic, Literal, TypeVar

import msgspec

from freehold.seal.attest.malformed import malformed
from freehold.seal.attest.reader import hexadecimal
from freehold.seal.attest.times import parse_time_s

DOCUMENT_BYTES_MAX = 1024 * 1024
LEVELS_MAX = 256
COMPONENTS = 16
Status = Literal[
    "UpToDate",
    "SWHardeningNeeded",
    "ConfigurationNeeded",
    "ConfigurationAndSWHardeningNeeded",
    "OutOfDate",
    "OutOfDateConfigurationNeeded",
    "Revoked",
]
T = TypeVar("T")


class Component(msgspec.Struct, frozen=True):
    svn: int


class Tcb(msgspec.Struct, frozen=True):
    sgxtcbcomponents: tuple[Component, ...] = ()
    tdxtcbcomponents: tuple[Component, ...] = ()
    pcesvn: int = 0
    isvsvn: int = 0


class TcbLevel(msgspec.Struct, frozen=True, rename="camel"):
    tcb: Tcb
    tcb_date: str
    tcb_status: Status
    advisory_ids: tuple[str, ...] = msgspec.field(name="advisoryIDs", default=())


class TdxModule(msgspec.Struct, frozen=True, rename="camel"):
    mrsigner: str
    attributes: str
    attributes_mask: str
    id: str = ""
    tcb_levels: tuple[TcbLevel, ...] = ()


class _Dated(msgspec.Struct, frozen=True, rename="camel"):
    id: str
    version: int
    issue_date: str
    next_update: str
    tcb_evaluation_data_number: int
    tcb_levels: tuple[TcbLevel, ...]

    @property
    def issued_s(self) -> int:
        return parse_time_s(self.issue_date, "issueDate")

    @property
    def ends_s(self) -> int:
        return parse_time_s(self.next_update, "nextUpdate")


class TcbInfo(_Dated, frozen=True, rename="camel", kw_only=True):
    fmspc: str
    pce_id: str
    tcb_type: int = 0
    tdx_module: TdxModule | None = None
    tdx_module_identities: tuple[TdxModule, ...] = ()


class EnclaveIdentity(_Dated, frozen=True, rename="camel", kw_only=True):
    miscselect: str
    miscselect_mask: str
    attributes: str
    attributes_mask: str
    mrsigner: str
    isvprodid: int


class Signed(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """A document, the bytes that were signed, and the signature as r || s."""

    value: T
    body: bytes
    signature: bytes


class _TcbEnvelope(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    tcb_info: msgspec.Raw
    signature: str


class _IdentityEnvelope(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    enclave_identity: msgspec.Raw
    signature: str


_TCB_ENVELOPE = msgspec.json.Decoder(_TcbEnvelope)
_IDENTITY_ENVELOPE = msgspec.json.Decoder(_IdentityEnvelope)
_TCB_INFO = msgspec.json.Decoder(TcbInfo)
_IDENTITY = msgspec.json.Decoder(EnclaveIdentity)


def parse_tcb_info(data: bytes) -> Signed[TcbInfo]:
    _bounded(data)
    try:
        envelope = _TCB_ENVELOPE.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise malformed("the TCB information is not as Intel writes it", why=str(error)) from error
    return tcb_info_from(bytes(envelope.tcb_info), envelope.signature)


def parse_identity(data: bytes) -> Signed[EnclaveIdentity]:
    _bounded(data)
    try:
        envelope = _IDENTITY_ENVELOPE.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise malformed("the enclave identity is not as Intel writes it", why=str(error)) from error
    return identity_from(bytes(envelope.enclave_identity), envelope.signature)


def tcb_info_from(body: bytes, signature: str) -> Signed[TcbInfo]:
    """From the inner bytes and their signature in hexadecimal, as other tools keep them."""
    _bounded(body)
    try:
        value = _TCB_INFO.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise malformed("the TCB information is not as Intel writes it", why=str(error)) from error
    _checked(value, (value.fmspc, 6), (value.pce_id, 2))
    for level in value.tcb_levels:
        components = (level.tcb.sgxtcbcomponents, level.tcb.tdxtcbcomponents)
        if len(components[0]) != COMPONENTS or len(components[1]) not in (0, COMPONENTS):
            raise malformed("a TCB level does not have 16 components")
    for module in value.tdx_module_identities + ((value.tdx_module,) if value.tdx_module else ()):
        _hexes((module.mrsigner, 48), (module.attributes, 8), (module.attributes_mask, 8))
    return Signed(value=value, body=body, signature=hexadecimal(signature, "the signature", 64))


def identity_from(body: bytes, signature: str) -> Signed[EnclaveIdentity]:
    _bounded(body)
    try:
        value = _IDENTITY.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise malformed("the enclave identity is not as Intel writes it", why=str(error)) from error
    _checked(
        value, (value.miscselect, 4), (value.miscselect_mask, 4), (value.attributes, 16),
        (value.attributes_mask, 16), (value.mrsigner, 32),
    )  # fmt: skip
    return Signed(value=value, body=body, signature=hexadecimal(signature, "the signature", 64))


def _bounded(data: bytes) -> None:
    if len(data) > DOCUMENT_BYTES_MAX:
        raise malformed(f"a document has {len(data)} bytes", why=f"at most {DOCUMENT_BYTES_MAX} are read")


def _checked(value: _Dated, *fields: tuple[str, int]) -> None:
    if len(value.tcb_levels) > LEVELS_MAX:
        raise malformed(f"a document has {len(value.tcb_levels)} levels")
    _ = value.issued_s, value.ends_s  # both must be readable
    _hexes(*fields)


def _hexes(*fields: tuple[str, int]) -> None:
    for text, length in fields:
        hexadecimal(text, "a field of Intel's document", length)
