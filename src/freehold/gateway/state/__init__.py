"""What gateway processes share: keys, the parts of limits that each is lent, short-lived news of health.

Knows: how keys and counts are stored, in SQLite on one machine, in PostgreSQL or in Redis for several.
Must not know: calls, homes, HTTP. It is used from threads, never from an event loop.
Start with `base`, the contract; the adapters are rows of `opening`; the arithmetic is in `gateway.meters`.
"""

from freehold.gateway.state.base import Key, KeyRow, Left, Opened, Standing, State, StateAway
from freehold.gateway.state.opening import open_state

__all__ = ["Key", "KeyRow", "Left", "Opened", "Standing", "State", "StateAway", "open_state"]
