"""The gateway of a drill as a process: `freehold up` on an estate that is handed over, not read."""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path
from typing import Final

import msgspec

from freehold.estate.model import Estate
from freehold.types.names import HomeId

ESTATE_NAME: Final = "estate.msgpack"
# A drill is over in seconds, so waiting for a home that says nothing is cut short as well.
CONNECT, HEADER, FIRST_CONTENT, IDLE, TOTAL = "1s", "2s", "3s", "2s", "15s"
ANY_KEY: Final = "a-stand-in-takes-any-key"


def main(folder: Path) -> None:
    from freehold.cli.up import open_recorder, receipt
    from freehold.config import Duration
    from freehold.gateway import Running, Settled, Setup, up
    from freehold.gateway.settings import GatewaySettings, TimeoutSettings
    from freehold.ledger.settings import LedgerSettings

    estate = msgspec.msgpack.decode((folder / ESTATE_NAME).read_bytes(), type=Estate)
    waits = TimeoutSettings(
        connect=Duration(CONNECT), header=Duration(HEADER), first_content=Duration(FIRST_CONTENT),
        idle=Duration(IDLE), total=Duration(TOTAL),
    )  # fmt: skip
    settings = GatewaySettings(timeouts=waits, drain=Duration("2s"))
    keys = {HomeId(id): ANY_KEY for id, home in estate.homes.items() if home.url is not None}
    settled = Settled(estate=estate, settings=settings, credentials=keys)

    def announce(running: Running) -> None:
        sys.stdout.write(f"{running.url}\n{running.admin_url}\n")
        sys.stdout.flush()

    _end_with_stdin()
    up(Setup(
        read=lambda: settled, first=settled, state=folder / "state", host="127.0.0.1", port=0, admin_port=0,
        recorder=lambda number: open_recorder(LedgerSettings(), None, number), receipt=receipt,
        announce=announce,
    ))  # fmt: skip


def _end_with_stdin() -> None:
    """Whoever started us holds the other end: when that closes, we are not needed any more."""

    def wait() -> None:
        sys.stdin.buffer.read()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, daemon=True).start()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
