"""freehold demo"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import click
import msgspec

ESTATE = """\
[homes.pocket]
vendor = "pocket"
operator = "you"
region = "laptop"
api = "openai"
model = "echo"
url = "{url}"

[workloads.chat]
homes = ["pocket"]
"""


@click.command()
def command() -> None:
    """Show one call through everything: a pocket home, the gateway, and the record it leaves."""
    with tempfile.TemporaryDirectory(prefix="freehold-demo-") as folder:
        asyncio.run(_demo(Path(folder)))


async def _demo(folder: Path) -> None:
    home, home_url = _start(folder, "pocket", "serve", "--port", "0")
    estate = folder / "freehold.toml"
    estate.write_text(ESTATE.format(url=home_url))
    gateway, gateway_url = _start(folder, "up", "-c", str(estate), "--port", "0")
    try:
        click.echo(f"a pocket home answers on {home_url}, the gateway on {gateway_url}\n")
        await _call(gateway_url, stream=False)
        receipt = await _call(gateway_url, stream=True)
    finally:
        for process in (gateway, home):
            process.terminate()
            process.wait()
    record = _prove(folder / "state" / "ledger", receipt)
    click.echo(f"its record:\n  {record}\n\nnext: freehold init, then freehold up")


def _start(folder: Path, *words: str) -> tuple[subprocess.Popen[str], str]:
    """Run one of our own commands as a process; it prints where it listens."""
    environment = {**os.environ, "FREEHOLD_HOME": str(folder / "state"), "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "freehold", *words], stdout=subprocess.PIPE, text=True, env=environment
    )
    line = process.stdout.readline() if process.stdout else ""
    return process, line.rpartition(" ")[2].strip()


async def _call(url: str, *, stream: bool) -> str:
    from freehold import wire

    words = "no outage reaches the caller"
    message = {"role": "user", "content": words}
    body = msgspec.json.encode({"model": "chat", "messages": [message], "stream": stream})
    async with await wire.request("POST", f"{url}/v1/chat/completions", body=body) as response:
        answer = await response.read()
        receipt = response.headers.get("x-freehold-receipt", "none")
        frames = answer.count(b"data: ")
        shape = f"a stream of {frames} frames" if stream else f"{len(answer)} bytes"
        click.echo(
            f"asked the workload 'chat' to say {words!r}: {response.status}, {shape}, receipt {receipt}"
        )
    return receipt


def _prove(path: Path, name: str) -> str:
    """The record that a receipt's name (WRITER/ID, or ID) stands for, and what its receipt proves."""
    from freehold.ledger.files import FileReader
    from freehold.ledger.keychain import current
    from freehold.ledger.layout import writers_in
    from freehold.ledger.receipt import check_receipt, make_receipt

    for reader in map(FileReader, writers_in(path)):
        key = current(reader.keys())
        receipt = make_receipt(reader, name.rpartition("/")[2])
        if receipt is not None and key is not None:
            checked = check_receipt(receipt, [key])
            proof = f"record {checked.index + 1} of {checked.size}, signed by {checked.signed_by}"
            return f"{receipt.record}\nits receipt, {len(receipt.to_json())} bytes: {proof}"
    return "none was written"
