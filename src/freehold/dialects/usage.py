"""Token counts of one answer, as they become known."""

from __future__ import annotations

from freehold.types.conversation import Usage


def merged(before: Usage, after: Usage) -> Usage:
    """What is known after a later report; it may leave out what an earlier one said."""
    return Usage(
        fresh=before.fresh if after.fresh is None else after.fresh,
        cache_read=before.cache_read if after.cache_read is None else after.cache_read,
        cache_write=before.cache_write if after.cache_write is None else after.cache_write,
        output=before.output if after.output is None else after.output,
        reasoning=before.reasoning if after.reasoning is None else after.reasoning,
        extra={**before.extra, **after.extra},
    )
