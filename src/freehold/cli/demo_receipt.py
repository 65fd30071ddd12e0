"""The end of the demo: the receipt of one rescued call, fetched as anybody would, kept and checked."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

from freehold import wire
from freehold.cli.output import program
from freehold.clock import SystemClock

COVERED_SECONDS_MAX: Final = 5.0  # a checkpoint comes every second
ASK_EVERY_SECONDS: Final = 0.1
_clock = SystemClock()


def receipt_lines(admin_url: str, id: str, ledger: Path, keep: Path) -> list[str]:
    """Fetch it, keep it and the ledger's key in `keep`, check it, and say how to do that again."""
    body = asyncio.run(fetched(admin_url, id))
    if body is None:
        return [f"its receipt           no checkpoint covers it yet: {admin_url}/receipts/{id}"]
    file, key = keep / "receipt.json", keep / "ledger.key"
    keep.mkdir(parents=True, exist_ok=True, mode=0o700)
    file.write_bytes(body)
    key.write_text("\n".join(_verifiers(ledger)) + "\n")
    return [
        f"its receipt           {file}, {len(body):,} bytes: {_checked(body, key)}",
        f"check it yourself     {program()} ledger check {file} --key {key}",
    ]


async def fetched(admin_url: str, id: str) -> bytes | None:
    """From the admin port, which answers 202 until a checkpoint covers the record."""
    until_ns = _clock.monotonic_ns() + int(COVERED_SECONDS_MAX * 1e9)
    while True:
        async with await wire.request("GET", f"{admin_url}/receipts/{id}") as response:
            body = await response.read()
            if response.status == 200:
                return body
        if _clock.monotonic_ns() > until_ns:
            return None
        await asyncio.sleep(ASK_EVERY_SECONDS)


def _verifiers(ledger: Path) -> list[str]:
    """The keys that the ledger's checkpoints are signed with, as an outsider is given them."""
    from freehold.ledger.files import FileReader
    from freehold.ledger.keychain import read_lines
    from freehold.ledger.layout import writers_in

    found: list[str] = []
    for reader in map(FileReader, writers_in(ledger)):
        first, rotations = read_lines(reader.keys())
        found += [str(key) for key in ([first] if first else []) + [one.new for one in rotations]]
    return found


def _checked(body: bytes, key: Path) -> str:
    from freehold.cli.ledger_place import read_keys
    from freehold.ledger.receipt import check_receipt, parse_receipt

    checked = check_receipt(parse_receipt(body), read_keys((str(key),)))
    return f"it holds: record {checked.index} of {checked.size} in {checked.origin}"
