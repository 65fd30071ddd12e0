"""Credentials that have to be fetched: AWS, Google, Entra. Each needs its extra; plain keys need nothing.

Knows: the clouds' own credential libraries, and how to keep what they give fresh in a thread.
Must not know: calls, homes' health, policies. The event loop only ever reads what is ready.
Start with `identity` (what the data plane sees), then one cloud.
"""

from freehold.gateway.auth.identity import Identity, Refreshing, identity, require

__all__ = ["Identity", "Refreshing", "identity", "require"]
