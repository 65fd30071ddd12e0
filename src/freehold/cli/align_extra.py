"""The training room, or the line that installs it."""

from __future__ import annotations

from types import ModuleType


def align_room() -> ModuleType:
    """freehold.align.run, which needs torch."""
    from freehold.errors import MissingExtraError

    try:
        import freehold.align.run as room
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("freehold"):
            raise
        raise MissingExtraError("align", "constitutional training") from error
    return room
