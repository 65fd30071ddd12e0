"""Pocket homes: small servers that speak a vendor's protocol, so that everything runs on a laptop.

Knows: the dialects, engines that answer (scripted now, the pocket language model beside it), faults to play.
Must not know: the gateway, policies, the ledger. A pocket home is the far side of the wire and nothing else.
Start with `server` (one home), then `engine` (what answers).
It is product code: the demo, the tests and live drills use it, and it is always named a pocket home.
"""

from freehold.pocket.engine import EchoEngine, Engine
from freehold.pocket.server import PocketHome

__all__ = ["EchoEngine", "Engine", "PocketHome"]
