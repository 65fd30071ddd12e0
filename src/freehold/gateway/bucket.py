"""One limit of a pool, kept in step with the vendor's own: filled evenly, or whole at the end of a window."""

from __future__ import annotations

from typing import Final

WINDOW_SLACK: Final = 0.35  # how far a told reset may be from even filling before it is taken for a window
UPWARD: Final = 0.5  # how much of good news is believed at once; bad news is believed whole
MINUTE_SECONDS: Final = 60.0


class Bucket:
    """`depth` is what may be used at once, `per_second` how fast it comes back."""

    __slots__ = ("at", "depth", "fills_at", "level", "per_second")

    def __init__(self, per_second: float, depth: float, now: float) -> None:
        self.per_second, self.depth = per_second, max(depth, 1.0)
        self.level, self.at = self.depth, now
        self.fills_at: float | None = None  # where it fills all at once: when

    def resize(self, per_second: float, depth: float, now: float) -> None:
        """Another limit: what is used stays used."""
        used = self.depth - self.left(now)
        self.per_second, self.depth = per_second, max(depth, 1.0)
        self.level = self.depth - used

    def left(self, now: float) -> float:
        """May be below zero: what was used is known late."""
        if self.fills_at is None:
            grown = self.level + (now - self.at) * self.per_second
            self.level = grown if grown < self.depth else self.depth
        elif now >= self.fills_at:
            self.level, self.fills_at = self.depth, None
        self.at = now
        return self.level

    def wait(self, amount: float, now: float) -> float:
        """Seconds until `amount` may be used; an amount over the whole limit waits for a full bucket."""
        missing = (amount if amount < self.depth else self.depth) - self.left(now)
        if missing <= 0:
            return 0.0
        if self.fills_at is not None:
            return self.fills_at - now
        return missing / self.per_second if self.per_second > 0 else MINUTE_SECONDS

    def told(self, remaining: float, reset_seconds: float | None, unseen: float, now: float) -> None:
        """The vendor says what is left; `unseen` was sent and is not counted there yet."""
        level = min(remaining, self.depth)
        self._fill_as_told(self.depth - level, reset_seconds, now)
        level -= unseen
        mine = self.left(now)
        self.level = level if level < mine else mine + (level - mine) * UPWARD

    def _fill_as_told(self, used: float, reset_seconds: float | None, now: float) -> None:
        """A minute's limit that fills evenly would be full at a certain time. A reset much later than that
        tells of a longer one, such as a day's; one much sooner, of a window that ends then.
        """
        self.per_second, self.fills_at = self.depth / MINUTE_SECONDS, None
        if reset_seconds is None or used <= 0:
            return
        even = used / self.per_second
        slack = WINDOW_SLACK * max(even, 1.0) + 1.0
        if reset_seconds > even + slack:
            self.per_second = used / reset_seconds
        elif reset_seconds < even - slack and used >= self.depth / 2:
            self.fills_at = now + reset_seconds
