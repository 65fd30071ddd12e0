"""Faults of a pocket home: everything that can go wrong on the far side of the wire, on demand.

Knows: one exchange and its connection, and how to spoil either.
Must not know: who is calling, or what they do about it.
Start with `rules` (which fault for which request), then `table` (what there is), then one fault.
"""

from freehold.pocket.faults.play import Fault, Play
from freehold.pocket.faults.rules import Chooser, FaultFile, FaultName, FaultRule, Seen, problems
from freehold.pocket.faults.table import FAULTS, LISTENING

__all__ = [
    "FAULTS", "LISTENING", "Chooser", "Fault", "FaultFile", "FaultName", "FaultRule", "Play", "Seen",
    "problems",
]  # fmt: skip
