"""Run the gateway as `freehold up` does, with the recorder chosen: for bench/gateway.py only.

python -m bench.serve_freehold CONFIG PORT ADMIN_PORT null|plain|ledger [log|no-log]

With the ledger, the number of records that wait is written to `backlog` in the state folder twice a second.
"""

from __future__ import annotations

import sys
import threading
import time

from freehold.cli.key_file import stores_of
from freehold.cli.loading import ledger_database, ledger_settings
from freehold.cli.up import open_recorder, settled, state_folder
from freehold.gateway import Setup, up
from freehold.ledger import Ledger
from freehold.types.contracts import Admit, Recorder
from freehold.types.homes import Policy
from freehold.types.names import RecordId
from freehold.types.records import AnyRecord

_ADMIT = Admit()
BACKLOG_SECONDS = 0.5


class NullRecorder:
    """Takes every record and keeps none, so that the cost of keeping them can be told apart."""

    def admit(self, policy: Policy) -> Admit:
        return _ADMIT

    def record(self, entry: AnyRecord) -> None:
        return None

    async def durable(self, id: RecordId) -> None:
        return None


def recorder(kind: str, config: str) -> Recorder:
    if kind == "null":
        return NullRecorder()
    if kind == "plain":
        from freehold.ledger import PlainRecorder

        return PlainRecorder(state_folder() / "records.jsonl")
    settings = ledger_settings(config)
    ledger = open_recorder(settings, ledger_database(settings, config, act=True), 0)
    threading.Thread(target=tell_backlog, args=(ledger,), daemon=True).start()
    return ledger


def tell_backlog(ledger: Ledger) -> None:
    with (state_folder() / "backlog").open("w", encoding="utf-8") as file:
        while True:
            file.write(f"{len(ledger._intake)}\n")
            file.flush()
            time.sleep(BACKLOG_SECONDS)


def main() -> None:
    config, port, admin_port, kind = sys.argv[1:5]
    wants_log = sys.argv[5:6] != ["no-log"]
    path = state_folder() / "calls.log"
    path.parent.mkdir(parents=True, exist_ok=True)
    log = path.open("a", encoding="utf-8") if wants_log else None
    up(
        Setup(
            read=lambda: settled(config),
            first=settled(config),
            recorder=lambda number: recorder(kind, config),
            state=state_folder(),
            stores=stores_of(config),
            host="127.0.0.1",
            port=int(port),
            admin_port=int(admin_port),
            log=log,
            announce=lambda running: print("ready", flush=True),
        )
    )


if __name__ == "__main__":
    main()
