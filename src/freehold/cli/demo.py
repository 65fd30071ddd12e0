"""`freehold demo`: an outage that no caller notices, in a few seconds, from nothing."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import click

from freehold.cli.embedded import STAND_INS, StandIn, estate_text, first_line, start, stop
from freehold.cli.output import program
from freehold.cli.up import state_folder

DIALECTS: Final = {"bedrock-converse": "bedrock", "vertex-claude": "gemini", "foundry-anthropic": "anthropic"}
LABELS: Final = {"bedrock-converse": "Bedrock", "vertex-claude": "Vertex", "foundry-anthropic": "Foundry"}


class Street(NamedTuple):
    """What the demo runs: three homes and the gateway, each a process."""

    homes: dict[str, subprocess.Popen[str]]
    gateway: subprocess.Popen[str]
    url: str
    admin_url: str
    folder: Path


@click.command()
@click.option("--keep", is_flag=True, help="Leave everything running, and say how to call it.")
def command(keep: bool) -> None:
    """Three homes, a load of calls, one home killed in the middle: and no caller notices."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # nothing is left running
    with tempfile.TemporaryDirectory(prefix="freehold-demo-") as folder, street(Path(folder)) as place:
        _introduce(place)
        from freehold.cli.demo_load import Kill, run_load, summary
        from freehold.cli.demo_receipt import receipt_lines

        victim = STAND_INS[0].name
        kill = Kill(home=victim, stop=lambda: place.homes[victim].send_signal(signal.SIGKILL))
        result = asyncio.run(run_load(place.url, kill, click.echo))
        click.echo("")
        ledger = place.folder / "state" / "ledger"
        told = summary(result, ledger)
        for line in told.lines:
            click.echo(line)
        if told.rescued:
            for line in receipt_lines(place.admin_url, told.rescued, ledger, state_folder() / "demo"):
                click.echo(line)
        click.echo(
            f"\nnext: {program()} init, then {program()} up; docs/explanation/failover.md says how it works"
        )
        if keep:
            _keep(place)


@contextlib.contextmanager
def street(folder: Path) -> Iterator[Street]:
    """Start the homes side by side, then the gateway; stop all of them at the end."""
    key = folder / "homes.key"
    key.write_text("pocket-homes-take-any-key\n")
    key.chmod(0o600)
    homes = {one.name: _home(one) for one in STAND_INS}
    started = list(homes.values())
    try:
        urls = {name: first_line(process).rpartition(" ")[2] for name, process in homes.items()}
        file = folder / "freehold.toml"
        file.write_text(estate_text(urls, key))
        gateway = start(
            "up", "-c", str(file), "--port", "0", "--admin-port", "0", "--quiet",
            environment={"FREEHOLD_HOME": str(folder / "state")},
        )  # fmt: skip
        started.append(gateway)
        url = first_line(gateway).rpartition(" ")[2]
        admin_url = first_line(gateway).rpartition(" ")[2]
        yield Street(homes, gateway, url, admin_url, folder)
    finally:
        stop(started)


def _home(one: StandIn) -> subprocess.Popen[str]:
    return start("pocket", "serve", "--dialect", DIALECTS[one.api], "--port", "0", "--model", "claude-pocket")


def _introduce(place: Street) -> None:
    click.echo("three pocket homes stand in for three clouds, each a process on its vendor's native paths:")
    for one in STAND_INS:
        pid = place.homes[one.name].pid
        click.echo(f"  {one.name:13} {LABELS[one.api]:8} {one.region:10} {one.silicon:8} pid {pid}")
    click.echo(f"the gateway answers on {place.url}; policy: a cut stream is continued by another home\n")


def _keep(place: Street) -> None:
    click.echo(f"\nstill running; two homes are left. Call it:\n  curl {place.url}/v1/chat/completions -d "
               '\'{"model": "chat", "messages": [{"role": "user", "content": "hello"}]}\'')  # fmt: skip
    click.echo(f"  curl {place.admin_url}/metrics\nCtrl-C stops everything.")
    with contextlib.suppress(KeyboardInterrupt):
        place.gateway.wait()
