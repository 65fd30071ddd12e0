"""A recorder that shows each record to the exporter after the ledger has it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from freehold.types.contracts import Admit, Recorder, Refused
from freehold.types.homes import Policy
from freehold.types.names import RecordId
from freehold.types.records import AnyRecord


class Watched:
    """The ledger's face, with one more line: `offer` neither blocks nor raises."""

    def __init__(self, recorder: Recorder, offer: Callable[[AnyRecord], None]) -> None:
        self._recorder, self._offer, self._record = recorder, offer, recorder.record

    def admit(self, policy: Policy) -> Admit | Refused:
        return self._recorder.admit(policy)

    def record(self, entry: AnyRecord) -> None:
        self._record(entry)
        self._offer(entry)

    async def durable(self, id: RecordId) -> None:
        await self._recorder.durable(id)

    def __getattr__(self, name: str) -> Any:
        """Whatever else the ledger can do, such as giving receipts."""
        return getattr(self._recorder, name)
