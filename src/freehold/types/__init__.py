"""The shared nouns, each defined once: frozen, keyword-only, units last in the name.

Start with `homes` (what one runs on), `conversation` (the neutral form of a call), `records` (evidence) and
`contracts` (the Protocols that let rooms work together without importing each other).
"""

from freehold.types import contracts, conversation, homes, names, records, sampling

__all__ = ["contracts", "conversation", "homes", "names", "records", "sampling"]
