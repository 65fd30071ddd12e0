"""Run the gateway as `freehold up` does, with the recorder chosen: for bench/gateway.py only.

python -m bench.serve_freehold CONFIG PORT ADMIN_PORT null|plain|ledger
"""

from __future__ import annotations

import sys
from pathlib import Path

from freehold.cli.key_file import stores_of
from freehold.cli.loading import ledger_database, ledger_settings
from freehold.cli.up import open_recorder, settled, state_folder
from freehold.gateway import Setup, up
from freehold.types.contracts import Admit, Recorder
from freehold.types.homes import Policy
from freehold.types.names import RecordId
from freehold.types.records import AnyRecord

_ADMIT = Admit()


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
    return open_recorder(settings, ledger_database(settings, config, act=True), 0)


def main() -> None:
    config, port, admin_port, kind = sys.argv[1:5]
    log = Path(state_folder() / "calls.log").open("a", encoding="utf-8")  # noqa: SIM115  # open to the end
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
