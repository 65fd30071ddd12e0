"""What processes tell each other of homes that fail.

What others say never closes a home here: their way to it may be what is broken. It makes one failure of our
own enough, where else it takes several.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from freehold.gateway.plane import Plane
from freehold.gateway.sharing import Sharing

KIND: Final = "health"
WARNED_SECONDS_MAX: Final = 60.0

_heard = msgspec.msgpack.Decoder(dict[str, float]).decode


def share_health(sharing: Sharing, plane: Plane) -> None:
    """Tell which homes cool here and for how long, and take warning from what others tell."""

    def tell() -> bytes | None:
        now = plane.now()
        cooling = {
            str(id): round(live.health.until - now, 3)
            for id, live in plane.lives.items()
            if live.health.state == "cooling" and live.health.until > now
        }
        return msgspec.msgpack.encode(cooling) if cooling else None

    def hear(told: Mapping[str, bytes]) -> None:
        now = plane.now()
        for value in told.values():
            try:
                cooling = _heard(value)
            except msgspec.DecodeError:
                continue  # of another version
            for id, live in plane.lives.items():
                if (seconds := cooling.get(str(id))) is not None:
                    live.health.warned(now + min(max(seconds, 0.0), WARNED_SECONDS_MAX))

    sharing.share(KIND, tell, hear)
