"""Fake event logs, and the registers they end in."""

from __future__ import annotations

import hashlib

from freehold.seal.attest.eventlog import parse_event_log, replay

HEADER = b"Spec ID Event03\x00" + bytes(16)
EVENTS = ((1, b"firmware"), (1, b"boot loader"), (2, b"kernel"), (3, b"command line"), (4, b"application"))


def event_log(events: tuple[tuple[int, bytes], ...] = EVENTS) -> bytes:
    """A log of (register, content) pairs, padded as the area of a real machine is."""
    log = (
        (0).to_bytes(4, "little")
        + (3).to_bytes(4, "little")
        + bytes(20)
        + len(HEADER).to_bytes(4, "little")
        + HEADER
    )
    for register, content in events:
        digest = hashlib.sha384(content).digest()
        log += register.to_bytes(4, "little") + (13).to_bytes(4, "little") + (1).to_bytes(4, "little")
        log += (0x000C).to_bytes(2, "little") + digest + len(content).to_bytes(4, "little") + content
    return log + b"\xff" * 64


def registers(log: bytes) -> tuple[bytes, ...]:
    return replay(parse_event_log(log))
