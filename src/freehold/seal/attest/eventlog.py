"""The confidential computing event log, replayed: does the story it tells end in the registers the hardware
signed?

The log itself is not signed. It is worth reading only if hashing its events in order gives exactly the
registers.
"""

from __future__ import annotations

import hashlib

import msgspec

from freehold.seal.attest.context import Context
from freehold.seal.attest.malformed import malformed
from freehold.seal.attest.reader import Reader
from freehold.seal.attest.result import Checks

EVENTS_MAX = 20_000
DIGESTS_MAX = 16
EV_NO_ACTION = 3
SHA384 = 0x000C
DIGEST_BYTES = {0x0004: 20, 0x000B: 32, 0x000C: 48, 0x000D: 64, 0x0012: 32}
END = 0xFFFFFFFF
REGISTERS = 4


class Event(msgspec.Struct, frozen=True, kw_only=True):
    register: int
    kind: int
    sha384: bytes | None
    data: bytes


def parse_event_log(data: bytes) -> tuple[Event, ...]:
    """The header event in the old form, then events until the end or the padding of the area."""
    reader = Reader(data, "event log")
    reader.take(4, "register")
    if reader.number(4, "event type") != EV_NO_ACTION:
        raise malformed("the event log does not begin with its header event")
    reader.take(20, "digest")
    reader.take(reader.number(4, "event size"), "header event")
    events: list[Event] = []
    while reader.left >= 4 and (event := _event(reader)) is not None:
        if len(events) >= EVENTS_MAX:
            raise malformed(f"the event log has more than {EVENTS_MAX} events")
        events.append(event)
    return tuple(events)


def _event(reader: Reader) -> Event | None:
    register = reader.number(4, "register")
    if register == END or (register == 0 and not reader.data[reader.at :].strip(b"\x00")):
        return None
    kind, count = reader.number(4, "event type"), reader.number(4, "digest count")
    if not 0 < count <= DIGESTS_MAX:
        raise malformed(f"an event has {count} digests")
    sha384 = None
    for _ in range(count):
        algorithm = reader.number(2, "digest algorithm")
        if algorithm not in DIGEST_BYTES:
            raise malformed(f"an event has a digest of the unknown algorithm {algorithm:#06x}")
        digest = reader.take(DIGEST_BYTES[algorithm], "digest")
        if algorithm == SHA384:
            if sha384 is not None:
                raise malformed("an event has two SHA-384 digests")
            sha384 = digest
    return Event(
        register=register, kind=kind, sha384=sha384, data=reader.take(reader.number(4, "event size"), "event")
    )


def replay(events: tuple[Event, ...]) -> tuple[bytes, ...]:
    """RTMR 0 to 3 as the log says they are: each event extends its register, comments extend none."""
    registers = [bytes(48) for _ in range(REGISTERS)]
    for event in events:
        if event.kind == EV_NO_ACTION:
            continue
        number = event.register - 1
        if not 0 <= number < REGISTERS or event.sha384 is None:
            raise malformed(
                f"an event extends register {event.register} without a SHA-384 digest, or one there is not"
            )
        registers[number] = hashlib.sha384(registers[number] + event.sha384).digest()
    return tuple(registers)


def check_event_log(checks: Checks, registers: tuple[bytes, ...], context: Context) -> None:
    """Nothing is said where no log came with the evidence: the registers stand by themselves."""
    for data in context.event_logs:
        events = parse_event_log(data)
        replayed = replay(events)
        wrong = [
            str(i) for i, (said, signed) in enumerate(zip(replayed, registers, strict=True)) if said != signed
        ]
        checks.expect(
            "event-log", not wrong, f"{len(events)} events give exactly the four registers",
            f"the log's events do not give RTMR{', RTMR'.join(wrong)}",
        )  # fmt: skip
