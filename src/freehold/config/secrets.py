"""Secrets by reference: env:NAME, file:PATH, cmd:COMMAND. The configuration never holds one.

A reference that cannot be read may be a secret that somebody pasted, so it is never repeated. A resolved
secret is wrapped, and only `reveal()` shows it. Commands run only for callers that act, and only from a file
that nobody else can write.
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import signal
import stat
import subprocess
from pathlib import Path
from typing import ClassVar, Self

from freehold.errors import FreeholdError, InputError, RefusedError, UnavailableError

MAX_SECRET_BYTES = 64 * 1024
MAX_REFERENCE = 4096
COMMAND_TIMEOUT_S = 30.0

_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,254}")
_LOOKS_SECRET = re.compile(
    r"(?:\b(?:sk|pk|rk)[-_](?:ant-|proj-|live_|test_)?[A-Za-z0-9_-]{16,}"  # model vendors, payment vendors
    r"|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"  # AWS access keys
    r"|\bAIza[A-Za-z0-9_-]{30,}"  # Google API keys
    r"|\bya29\.[A-Za-z0-9_-]{20,}"  # Google access tokens
    r"|\b(?:gh[pousr]_|github_pat_|glpat-|hf_|gsk_|xai-|xox[abprs]-)[A-Za-z0-9_-]{16,}"
    r"|\beyJ[A-Za-z0-9_-]{10,400}\.[A-Za-z0-9_-]{10}"  # JSON web tokens; bounded, as it starts anew often
    r"|-----BEGIN [A-Z ]*PRIVATE KEY"
    r"|://[^/\s:@]*:[^/\s@]+@)"  # a password in an address
)


def looks_like_secret(text: str) -> bool:
    """Does this text hold something shaped like a well-known kind of secret?"""
    return _LOOKS_SECRET.search(text) is not None


class Secret:
    """A reference to a secret, checked for form; what it points at is read by `resolve_secret`."""

    __slots__ = ("kind", "target")
    label: ClassVar[str] = "secret reference"
    example: ClassVar[str] = "env:NAME"

    def __init__(self, reference: str) -> None:
        kind, _, target = reference.partition(":")
        if not _well_formed(kind, target) or looks_like_secret(reference):
            raise InputError(
                "this holds something other than a reference to a secret (value not shown)",
                why="a secret is named as env:NAME, file:PATH or cmd:COMMAND, never written out",
                fix="put the secret into an environment variable or a file, and name that; "
                "if it was a real one, replace it",
                code="config.secret-literal",
            )
        self.kind = kind
        self.target = target

    @classmethod
    def read(cls, value: object) -> Self:
        return cls(value if isinstance(value, str) else "")

    @classmethod
    def schema(cls) -> dict[str, object]:
        return {
            "type": "string", "maxLength": MAX_REFERENCE,
            "pattern": r"^(env:[A-Za-z_][A-Za-z0-9_]{0,254}"
            r"|(file|cmd):[^\x00-\x1f\x7f]*[^\x00-\x20\x7f][^\x00-\x1f\x7f]*)$",
        }  # fmt: skip

    @property
    def reference(self) -> str:
        """The whole reference. For a command use `name` in anything that is shown."""
        return f"{self.kind}:{self.target}"

    @property
    def name(self) -> str:
        """What may be shown: a command's arguments may hold something private."""
        if self.kind != "cmd":
            return self.reference
        words = self.target.split()
        return f"cmd:{words[0]}{' ...' if len(words) > 1 else ''}"

    def __repr__(self) -> str:
        return f"Secret({self.name!r})"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other.reference == self.reference

    def __hash__(self) -> int:
        return hash(self.reference)


class SecretValue:
    """A resolved secret. It prints as stars everywhere; `reveal` is for the wire only."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "SecretValue('***')"

    __str__ = __repr__

    def __reduce__(self) -> str:
        raise TypeError("a secret is not pickled")


def resolve_secret(
    secret: Secret | str,
    *,
    allow_commands: bool = False,
    source: Path | None = None,
    timeout_s: float = COMMAND_TIMEOUT_S,
) -> SecretValue:
    """Read what a reference points at. `source` is the file it stands in; relative paths start there."""
    if isinstance(secret, str):
        secret = Secret(secret)
    if secret.kind == "env":
        value = _from_environment(secret)
    elif secret.kind == "file":
        value = _from_file(secret, source)
    else:
        value = _from_command(secret, allow_commands, source, timeout_s)
    value = value.strip("\r\n")
    if not value.strip():
        raise _unavailable(secret, "it is empty", "put the secret there")
    if "\x00" in value or ("\n" in value.strip() and "PRIVATE KEY" not in value):
        raise _unavailable(secret, "it holds more than one line", "leave one line there")
    return SecretValue(value)


def writable_by_others(path: Path) -> bool:
    """May anyone but the owner change this file?"""
    return bool(path.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH))


def _well_formed(kind: str, target: str) -> bool:
    if len(target) > MAX_REFERENCE - 5 or any(
        ord(character) < 32 or ord(character) == 127 for character in target
    ):
        return False
    if kind == "env":
        return _ENV_NAME.fullmatch(target) is not None
    return kind in ("file", "cmd") and bool(target.strip())


def _from_environment(secret: Secret) -> str:
    value = os.environ.get(secret.target)
    if value is None:
        raise _unavailable(secret, "the variable is not set", f"export {secret.target}=...")
    if len(value) > MAX_SECRET_BYTES:
        raise _unavailable(secret, f"it is longer than {MAX_SECRET_BYTES} bytes", "set the secret alone")
    return value


def _from_file(secret: Secret, source: Path | None) -> str:
    path = Path(secret.target).expanduser()
    if not path.is_absolute() and source is not None:
        path = source.parent / path
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise _unavailable(secret, "it is not a regular file", "name a file")
        with path.open("rb") as file:
            raw = file.read(MAX_SECRET_BYTES + 1)
    except OSError as error:
        raise _unavailable(
            secret, error.strerror or "it cannot be read", "check the path and its mode"
        ) from None
    return _decode(secret, raw)


def _from_command(secret: Secret, allow_commands: bool, source: Path | None, timeout_s: float) -> str:
    if not allow_commands:
        raise RefusedError(
            f"the secret {secret.name} is a command, and this command does not run any",
            why="only commands that act (up, run, broker serve) run cmd: references",
            fix="use env: or file: where this is needed",
            code="config.secret-command",
        )
    if source is not None and writable_by_others(source):
        raise writable_error(source)
    try:
        words = shlex.split(secret.target)
        process = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            start_new_session=True,  # so that what it started can be ended with it
        )  # fmt: skip
    except (OSError, ValueError):
        raise _unavailable(secret, "the command cannot be started", "check its name and quotes") from None
    raw, status = _collect(secret, process, timeout_s)
    if status != 0:
        raise _unavailable(secret, f"the command ended with status {status}", "run it by hand to see why")
    return _decode(secret, raw)


def _collect(secret: Secret, process: subprocess.Popen[bytes], timeout_s: float) -> tuple[bytes, int]:
    """Output and status of a command, bounded in time and size."""
    import threading  # only where a command runs

    assert process.stdout is not None
    timer = threading.Timer(timeout_s, _end, (process,))
    timer.start()
    try:
        raw = process.stdout.read(MAX_SECRET_BYTES + 1)
        if len(raw) > MAX_SECRET_BYTES:
            _end(process)
        status = process.wait()
    finally:
        expired = not timer.is_alive()
        timer.cancel()
        timer.join()
        process.stdout.close()
    if expired and status != 0:
        raise _unavailable(secret, f"the command took longer than {timeout_s:g} s", "make it faster")
    if len(raw) > MAX_SECRET_BYTES:
        raise _unavailable(secret, f"it wrote more than {MAX_SECRET_BYTES} bytes", "print the secret alone")
    return raw, status


def _end(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):  # it ended by itself just now
        os.killpg(process.pid, signal.SIGKILL)


def _decode(secret: Secret, raw: bytes) -> str:
    if len(raw) > MAX_SECRET_BYTES:
        raise _unavailable(
            secret, f"it is longer than {MAX_SECRET_BYTES} bytes", "leave the secret alone there"
        )
    try:
        return raw.decode()
    except UnicodeDecodeError:
        # from None: the original error carries the bytes
        raise _unavailable(secret, "it is not text", "store the secret as UTF-8 text") from None


def _unavailable(secret: Secret, why: str, fix: str) -> FreeholdError:
    return UnavailableError(
        f"the secret {secret.name} cannot be read", why=why, fix=fix, code="config.secret-unavailable"
    )


def writable_error(source: Path) -> InputError:
    return InputError(
        f"{source} names a command for a secret, and others can write this file",
        why="whoever can write it could run a command as you",
        fix=f"chmod go-w {shlex.quote(str(source))}",
        code="config.secret-writable",
    )
