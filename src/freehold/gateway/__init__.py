"""The live path: a call is answered by one of the homes its policy allows, and leaves one record.

Knows: the estate's homes, workloads and policies; the dialects; how homes are reached and when they fail.
Must not know: how evidence is stored (a Recorder is passed in), how homes are planned, what pages show.
Start with `plane` (a request becomes a call), then `call` (its attempts, streams and ends), then `failover`.
Pure: `candidates`, `order`, `failover`, `health`, `head`, `passing`, `story`. Sockets: `caller`, `upstream`.
"""

from freehold.gateway.plane import Plane
from freehold.gateway.serve import Running, Setup, read_state, up
from freehold.gateway.worker import Settled, Worker

__all__ = ["Plane", "Running", "Settled", "Setup", "Worker", "read_state", "up"]
