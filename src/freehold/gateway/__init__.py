"""The live path: a call is answered by one of the homes its policy allows, and leaves one record.

Knows: the estate's homes, workloads and policies; the dialects; how homes are reached and when they fail.
Must not know: how evidence is stored (a Recorder is passed in), how homes are planned, what pages show.
Start with `server` (a call from its first byte to its record), then `attempt` (one try at one home).
"""

from freehold.gateway.server import Gateway

__all__ = ["Gateway"]
