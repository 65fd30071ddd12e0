"""What the attest commands read: evidence, collateral, policies, nonces, keys, times. Limits are on what is
read."""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
import msgspec

from freehold.errors import FreeholdError, InputError, UnavailableError, UsageError, nearest

if TYPE_CHECKING:
    from freehold.seal.attest import AttestPolicy, Binding, Collateral, Result
    from freehold.seal.attest.pack import Seen

F = TypeVar("F", bound=Callable[..., Any])
FILE_BYTES_MAX = 16 * 1024 * 1024
FOLDER_FILES_MAX = 1024
SEEN_BYTES_MAX = 1024 * 1024
RAW_KEY_BYTES = 32


class Inputs(msgspec.Struct, frozen=True, kw_only=True):
    """What `verify` and `explain` share, as it was typed."""

    files: tuple[str, ...]
    policy: str
    at: str | None
    nonce: str | None
    key: str | None
    collateral: str | None
    config: str | None


def evidence_options(command: F) -> F:
    """The options of every command that judges evidence."""
    options = (
        click.argument("files", nargs=-1, required=True, metavar="FILE..."),
        click.option(
            "--policy", default="default", show_default=True, help="A policy's name or a TOML file."
        ),
        click.option("--at", default=None, metavar="TIME", help="Judge as of this time.  [default: now]"),
        click.option("--nonce", default=None, help="Hexadecimal, or text:..., base64:..., file:PATH."),
        click.option("--key", default=None, metavar="FILE", help="The public key it must be bound to."),
        click.option("--collateral", default=None, metavar="DIR", help="A collateral pack or folder."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def judge(inputs: Inputs, files: tuple[str, ...], collateral: Collateral) -> Result:
    """Verify one evidence set; the clock is read here and nowhere below."""
    from freehold.seal.attest import Evidence, verify

    evidence = Evidence.read([(name, read_file(Path(name))) for name in files])
    nonce = parse_nonce(inputs.nonce)
    return verify(
        evidence, collateral=collateral, policy=find_policy(inputs.policy, inputs.config),
        at_s=parse_at_s(inputs.at), nonce=nonce, binding=read_binding(inputs.key, nonce),
    )  # fmt: skip


def read_file(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise InputError(
            f"{path} cannot be read", why=error.strerror or "", fix="check the name", code="seal.unreadable"
        ) from error
    if len(data) > FILE_BYTES_MAX:
        raise InputError(
            f"{path} is larger than any evidence", why=f"at most {FILE_BYTES_MAX} bytes are read",
            fix="name another file", code="seal.unreadable",
        )  # fmt: skip
    return data


def read_folder(path: Path) -> dict[str, bytes]:
    """The files directly in a folder, by name; folders in it and hidden files are left alone."""
    try:
        names = sorted(each for each in path.iterdir() if each.is_file() and not each.name.startswith("."))
    except OSError as error:
        raise InputError(
            f"the folder {path} cannot be read",
            why=error.strerror or "",
            fix="check the name",
            code="seal.unreadable",
        ) from error
    if len(names) > FOLDER_FILES_MAX:
        raise InputError(
            f"the folder {path} holds {len(names)} files", why=f"at most {FOLDER_FILES_MAX} are read",
            fix="name a folder of collateral", code="seal.unreadable",
        )  # fmt: skip
    return {each.name: read_file(each) for each in names}


def open_collateral(folder: str | None, config: str | None) -> Collateral:
    """The collateral to use, and its version remembered, so that no older pack is used after it."""
    from freehold.seal.attest.collateral import NONE
    from freehold.seal.attest.pack import read_collateral, seen_after

    named = folder or _configured_collateral(config)
    if named is None:
        return NONE
    files = read_folder(Path(named))
    collateral = read_collateral(files)
    if collateral.pack is not None and collateral.pack.signature_holds:
        remember(seen_after(remembered(), files))
    return collateral


def _configured_collateral(config: str | None) -> str | None:
    from freehold.cli.loading import load_settings

    found: str | None = load_settings(config, absent_ok=True).sections["seal"].collateral
    return found


def seen_path() -> Path:
    return Path(os.environ.get("FREEHOLD_HOME", ".freehold")) / "seal" / "packs.json"


def remembered() -> dict[str, Seen]:
    from freehold.seal.attest.pack import Seen

    path = seen_path()
    if not path.exists():
        return {}
    try:
        return msgspec.json.decode(read_file(path)[:SEEN_BYTES_MAX], type=dict[str, Seen])
    except msgspec.MsgspecError as error:
        raise InputError(
            f"{path} cannot be read", why="it remembers which packs were used, and it was changed",
            fix="restore it; deleting it forgets what was seen", code="seal.unreadable",
        ) from error  # fmt: skip


def remember(seen: dict[str, Seen]) -> None:
    """Written beside and renamed, so that a crash leaves the old or the new."""
    path = seen_path()
    body = msgspec.json.encode(seen, order="deterministic")
    if path.exists() and path.read_bytes() == body:
        return
    write_file(path, body)


def write_file(path: Path, body: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(path.name + ".new")
        beside.write_bytes(body)
        beside.replace(path)
    except OSError as error:
        raise UnavailableError(
            f"{path} cannot be written", why=error.strerror or "", fix="make the folder writable",
            code="seal.unwritable",
        ) from error  # fmt: skip


def find_policy(name: str, config: str | None) -> AttestPolicy:
    """A TOML file, a `[seal.policies.NAME]` table, or the default that refuses what it cannot check."""
    from freehold.cli.loading import load_settings
    from freehold.seal.attest.policy import DEFAULT, read_policy, validated

    if name.endswith(".toml"):
        return read_policy(read_file(Path(name)), name)
    policies: dict[str, AttestPolicy] = load_settings(config, absent_ok=True).sections["seal"].policies
    if name in policies:
        return validated(policies[name], f"seal.policies.{name}")
    if name == "default":
        return DEFAULT
    close = nearest(name, [*policies, "default"])
    raise InputError(
        f"there is no attestation policy {name!r}",
        why=f"the closest is {close!r}" if close else f"there are {', '.join(policies) or 'none'}",
        fix=f"add [seal.policies.{name}], or name a .toml file", code="seal.policy",
    )  # fmt: skip


def parse_nonce(text: str | None) -> bytes | None:
    if text is None:
        return None
    form, _, rest = text.partition(":")
    try:
        if form == "file":
            return read_file(Path(rest))
        if form == "text":
            return rest.encode()
        if form == "base64":
            return base64.b64decode(rest, validate=True)
        return bytes.fromhex(text)
    except (ValueError, binascii.Error) as error:
        raise UsageError(
            "the nonce cannot be read", why="it is neither hexadecimal nor text:..., base64:... or file:...",
            fix="write it as hexadecimal", code="seal.nonce",
        ) from error  # fmt: skip


def read_binding(path: str | None, nonce: bytes | None) -> Binding | None:
    """The key the evidence must name: 32 raw bytes are an HPKE key, anything else a public key of TLS."""
    if path is None:
        return None
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        PublicFormat,
        load_der_public_key,
        load_pem_public_key,
    )

    from freehold.seal.attest import Binding

    data = read_file(Path(path))
    if len(data) == RAW_KEY_BYTES:
        return Binding(nonce=nonce, hpke_key=data)
    try:
        key = load_pem_public_key(data) if data.lstrip().startswith(b"-----") else load_der_public_key(data)
        return Binding(nonce=nonce, tls_key=key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
    except (ValueError, TypeError) as error:
        raise InputError(
            f"{path} holds no public key", why="expected PEM, DER, or 32 raw bytes",
            fix="name the public key, not the certificate", code="seal.unreadable",
        ) from error  # fmt: skip


def parse_at_s(text: str | None) -> int:
    from freehold.clock import SystemClock
    from freehold.seal.attest.times import parse_time_s
    from freehold.units import NS_PER_S

    if text is None:
        return SystemClock().now_ns() // NS_PER_S
    try:
        return parse_time_s(text if "T" in text or " " in text else f"{text}T00:00:00Z", "--at")
    except FreeholdError as error:
        raise UsageError(
            error.what, why=error.why, fix="write it as 2026-03-20T00:00:00Z", code="seal.time"
        ) from error
