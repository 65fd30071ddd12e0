"""Pocket homes: small servers that speak a vendor's protocol, so that everything runs on a laptop.

Knows: the dialects, engines that answer (scripted now, the pocket language model beside it), faults to play.
Must not know: the gateway, policies, the ledger. A pocket home is the far side of the wire and nothing else.
Start with `server` (one home), `intake` (what it takes), `engine` (what answers), then `faults`.
It is product code: the demo, the tests and live drills use it, and it is always named a pocket home.
"""

from freehold.pocket.engine import Engine, Step, Wait, engine
from freehold.pocket.faults import FaultRule
from freehold.pocket.limits import Limiter, Limits
from freehold.pocket.log import Logged, RequestLog
from freehold.pocket.scripted import ScriptedEngine
from freehold.pocket.server import PocketHome, neighbours

__all__ = [
    "Engine", "FaultRule", "Limiter", "Limits", "Logged", "PocketHome", "RequestLog", "ScriptedEngine",
    "Step", "Wait", "engine", "neighbours",
]  # fmt: skip
