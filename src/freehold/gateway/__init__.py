"""The live path: a call is answered by one of the homes its policy allows, and leaves one record.

Knows: the estate's homes, workloads and policies; the dialects; how homes are reached and when they fail.
Must not know: how evidence is stored (a Recorder is passed in), how homes are planned, what pages show.
Start with `plane` (a request becomes a call), then `callstate` (a call, and in which files), then `failover`.
Pure: `candidates`, `order`, `failover`, `health`, `head`, `passing`, `story`. Sockets: `caller`, `upstream`.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from freehold.gateway.plane import Plane
    from freehold.gateway.serve import Running, Setup, read_state, up
    from freehold.gateway.worker import Settled, Worker

__all__ = ["Plane", "Running", "Settled", "Setup", "Worker", "read_state", "up"]

# Loaded when first asked for: reading the gateway's settings must not cost every command its data plane.
_HOMES = {"Plane": "plane", "Running": "serve", "Setup": "serve", "read_state": "serve", "up": "serve",
          "Settled": "worker", "Worker": "worker"}  # fmt: skip


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
