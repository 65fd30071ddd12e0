"""How much room a pool has: one number, from everything that is known of it.

Fed by rate-limit headers, configured limits, throttle answers, the utilisation of provisioned capacity, the
calls and tokens in flight, and the metrics of engines. Homes that share a pool share one `Headroom`. Pure:
times come in as arguments, so that what it said replays.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from freehold.gateway.amounts import FULL, NEAR, ROOM, Amount, Engine, Standing
from freehold.gateway.bucket import MINUTE_SECONDS, Bucket
from freehold.gateway.learning import Learned
from freehold.gateway.ratelimits import Kind, Told

TIGHT: Final = 0.05  # of a pool's limit left: another home is asked first, if one is as good
UTILISATION_TIGHT: Final = 0.95
UTILISATION_SECONDS: Final = 10.0  # how long a told utilisation counts
ENGINE_SECONDS: Final = 15.0  # how long an engine's metrics count
TELL_SECONDS: Final = 0.05  # between two readings of headers while there is plenty of room
PLENTY: Final = 0.5
PAUSE_SECONDS_FIRST: Final = 0.25  # after a throttle that names no time
PAUSE_SECONDS_MAX: Final = 2.0  # well under what calls wait for: our own guess alone refuses nobody
NEWS_SECONDS: Final = 8.0  # throttles within it belong together
CLOSED_SECONDS_MAX: Final = 120.0
MARK_SECONDS: Final = 0.5
MARKS_MAX: Final = 130  # over a minute of them
RECENT_SECONDS: Final = 3.0
INPUT_TOKENS_FIRST: Final = 1000.0  # of a call, until some were seen
OUTPUT_TOKENS_FIRST: Final = 400.0  # of an answer, likewise
TOKENS_PER_BYTE_FIRST: Final = 0.25
LEARN_WEIGHT: Final = 1 / 32
CALLS_AHEAD: Final = 2  # a limit with room for so many calls cannot be what throttled one
TURNED_AWAY: Final = 5.0  # so many times as fast as while calls only wait
SPARE: Final = 0.25  # of the calls that should fit, those that are sent without asking again
SPARE_MAX: Final = 1000
PEERS_MAX: Final = 256


class Epoch:
    """A number that changes whenever an order of homes may have to change."""

    __slots__ = ("number",)

    def __init__(self) -> None:
        self.number = 0


class Headroom:
    """One pool as this process sees it."""

    __slots__ = (
        "_input", "_marks", "_output", "_pause_s", "_peers", "_per_byte", "_pressed", "_read_after",
        "_throttled_at", "_ticked", "_told", "buckets", "closed_until", "configured", "engine", "engine_at",
        "epoch", "grade", "id", "in_flight", "learned", "open", "sent", "sent_tokens", "spare", "starting",
        "throttled_count", "tokens_in_flight", "utilisation", "utilisation_at",
    )  # fmt: skip

    def __init__(
        self, id: str, now: float, *, requests_per_min: float | None = None,
        tokens_per_min: float | None = None, epoch: Epoch | None = None,
    ) -> None:  # fmt: skip
        self.id, self.epoch = id, epoch or Epoch()
        self.open = True  # nothing is known to limit it: no need to ask it anything, call by call
        self.spare = 0  # calls that certainly fit, counted down until the next look
        self.buckets: dict[Kind, Bucket] = {}
        self.configured: dict[Kind, float] = {}
        self.learned: tuple[Learned, Learned] | None = None  # of calls, of tokens
        self.in_flight = self.tokens_in_flight = self.starting = 0
        self.sent = self.sent_tokens = 0.0
        self.throttled_count = 0
        self.closed_until = 0.0
        self.utilisation: float | None = None
        self.utilisation_at = 0.0
        self.engine: Engine | None = None
        self.engine_at = 0.0
        self.grade = ROOM
        self._told: set[Kind] = set()
        self._marks: deque[tuple[float, float, float]] = deque(maxlen=MARKS_MAX)
        self._ticked = now
        self._read_after = 0.0
        self._pause_s = PAUSE_SECONDS_FIRST
        self._throttled_at = float("-inf")
        self._pressed = 0.0  # 1: calls were held back since the last look; more: some were turned away
        self._input, self._output = INPUT_TOKENS_FIRST, OUTPUT_TOKENS_FIRST
        self._per_byte = TOKENS_PER_BYTE_FIRST
        self._peers: dict[str, tuple[float, float]] = {}
        self.configure(requests_per_min, tokens_per_min, now)

    def configure(self, requests_per_min: float | None, tokens_per_min: float | None, now: float) -> None:
        """Limits of the settings. What the home itself tells can only be less."""
        given: dict[Kind, float | None] = {"requests": requests_per_min, "tokens": tokens_per_min}
        for kind, limit in given.items():
            if limit is None:
                self.configured.pop(kind, None)
                if kind not in self._told:
                    self.buckets.pop(kind, None)
            else:
                self.configured[kind] = limit
                self._limit(kind, limit, now)
        self._look(now)

    def _limit(self, kind: Kind, per_min: float, now: float) -> Bucket:
        bucket = self.buckets.get(kind)
        if bucket is None:
            bucket = self.buckets[kind] = Bucket(per_min / MINUTE_SECONDS, per_min, now)
        elif bucket.depth != max(per_min, 1.0):
            bucket.resize(per_min / MINUTE_SECONDS, per_min, now)
        return bucket

    # --- a call's way ---

    def amount(self, body_bytes: int) -> Amount:
        """What a call with such a body is likely to use."""
        return Amount(int(body_bytes * self._per_byte) + 1, int(self._output))

    def usual(self) -> Amount:
        """What calls here use as a rule."""
        return Amount(int(self._input), int(self._output))

    def send(self, amount: Amount) -> None:
        """A call is on its way."""
        tokens = amount.input + amount.output
        self.in_flight += 1
        self.starting += 1
        self.tokens_in_flight += tokens
        self.sent += 1
        self.sent_tokens += tokens
        if self.buckets:
            for kind, bucket in self.buckets.items():
                bucket.level -= _of(kind, amount)
            self.spare -= 1
        if self.learned is not None:
            self.learned[0].took(1.0)
            self.learned[1].took(tokens)

    def wants_head(self, now: float) -> bool:
        """Is it worth reading what a head says? Each time while room is short, else now and then."""
        return now >= self._read_after

    def ended(
        self, amount: Amount, input_tokens: int | None, output_tokens: int | None, body_bytes: int
    ) -> None:
        """It is over. What it really used corrects what was counted, and the next estimates."""
        self.in_flight -= 1
        self.tokens_in_flight -= amount.input + amount.output
        if self.starting > self.in_flight:
            self.starting = self.in_flight
        if output_tokens is None:
            return
        self._pause_s = PAUSE_SECONDS_FIRST
        self._output += (output_tokens - self._output) * LEARN_WEIGHT
        used_in = amount.input if input_tokens is None else input_tokens
        self._input += (used_in - self._input) * LEARN_WEIGHT
        if input_tokens is not None and body_bytes > 0:
            self._per_byte += (min(input_tokens / body_bytes, 1.0) - self._per_byte) * LEARN_WEIGHT
        if self.buckets:
            used = Amount(used_in, output_tokens)
            for kind, bucket in self.buckets.items():
                if kind != "requests" and kind not in self._told:
                    bucket.level -= _of(kind, used) - _of(kind, amount)

    def throttle(self, amount: Amount, wait_seconds: float | None, sent_at: float, now: float) -> float:
        """It was turned away for want of room. How long, as far as can be known, until there is some."""
        self.throttled_count += 1
        for kind, bucket in self.buckets.items():
            if kind not in self._told:  # there the vendor has just said what is left
                bucket.level += _of(kind, amount)  # it was not let through
        # Calls that were under way when the first of them was turned away tell the same news again.
        news = sent_at >= self._throttled_at or now - self._throttled_at > NEWS_SECONDS
        if news:
            self._news(amount, now)
        elif self.learned is not None:
            self._return(amount)
        again = self._pause_s > PAUSE_SECONDS_FIRST  # and nothing was answered in between
        pause = self._pause_s if news and (wait_seconds is None or again) else 0.0
        wait_seconds = max(wait_seconds or 0.0, pause)
        until = now + min(wait_seconds, CLOSED_SECONDS_MAX)
        if until > self.closed_until:
            self.closed_until = until
        self._read_after = 0.0
        self._look(now)
        self.epoch.number += 1
        return self._blocked(amount, now)

    def _news(self, amount: Amount, now: float) -> None:
        if now - self._throttled_at < NEWS_SECONDS:
            self._pause_s = min(self._pause_s * 2, PAUSE_SECONDS_MAX)
        self._throttled_at = now
        if self._hidden(amount, now):
            self._learn(amount, now)
        elif self.learned is not None:
            self._return(amount)

    def _return(self, amount: Amount) -> None:
        if self.learned is not None:
            self.learned[0].returned(1.0)
            self.learned[1].returned(float(amount.tokens))

    def _hidden(self, amount: Amount, now: float) -> bool:
        """Did no limit that we know of see it coming?"""
        return all(
            bucket.left(now) > CALLS_AHEAD * _of(kind, amount) for kind, bucket in self.buckets.items()
        )

    def _learn(self, amount: Amount, now: float) -> None:
        calls, tokens = self._recent(now)
        if self.learned is None:
            self.learned = (Learned(), Learned())
        else:
            self._return(amount)
        self.learned[0].throttled(now, calls, 1.0)
        self.learned[1].throttled(now, tokens, float(amount.tokens))

    def _recent(self, now: float) -> tuple[float, float]:
        """Calls and tokens a second, lately: a mean of the last seconds and of the last minute.

        A vendor's bucket may hold a second's worth or a minute's: the geometric mean is wrong by the least.
        """
        if not self._marks:
            return 1.0, self._output
        found = []
        for span in (RECENT_SECONDS, MINUTE_SECONDS):
            mark = next((one for one in self._marks if one[0] >= now - span), self._marks[-1])
            over = max(span if mark is not self._marks[0] else now - mark[0], 1.0)
            found.append(((self.sent - mark[1]) / over, (self.sent_tokens - mark[2]) / over))
        (calls_s, tokens_s), (calls_m, tokens_m) = found
        return max((calls_s * calls_m) ** 0.5, 1 / MINUTE_SECONDS), max((tokens_s * tokens_m) ** 0.5, 1.0)

    # --- what is told ---

    def tell(self, told: Told, now: float) -> None:
        """What the head of an answer says of limits."""
        for kind, limit in told.limits.items():
            allowed = limit.limit
            if allowed is None or allowed <= 0:
                bucket = self.buckets.get(kind)
            else:
                bucket = self._limit(kind, min(allowed, self.configured.get(kind, allowed)), now)
                self._told.add(kind)
            if bucket is not None and limit.remaining is not None:
                unseen = self.starting if kind == "requests" else self._starting_tokens(kind)
                bucket.told(limit.remaining, limit.reset_seconds, unseen, now)
        if told.utilisation is not None:
            self.utilisation, self.utilisation_at = told.utilisation, now
        self._look(now)
        room = self.room(now)
        self._read_after = now + (TELL_SECONDS if room is not None and room > PLENTY else 0.0)

    def _starting_tokens(self, kind: Kind) -> float:
        """Tokens of the calls that the vendor has not counted yet, each taken for the mean in flight."""
        mean = self.tokens_in_flight / self.in_flight if self.in_flight > 0 else 0.0
        share = {"tokens": mean, "output": self._output}.get(kind, mean - self._output)
        return self.starting * max(share, 0.0)

    def scraped(self, engine: Engine, now: float) -> None:
        self.engine, self.engine_at = engine, now
        self._look(now)

    # --- what it comes to ---

    def wait(self, amount: Amount, now: float) -> float:
        """Seconds until such a call fits; 0: now."""
        if self.closed_until > now or self.buckets or self.learned is not None:
            blocked = self._blocked(amount, now)
            if blocked > 0 and not self._pressed:
                self._pressed = 1.0
            return blocked
        return 0.0

    def _blocked(self, amount: Amount, now: float) -> float:
        longest = self.closed_until - now if self.closed_until > now else 0.0
        for kind, bucket in self.buckets.items():
            one = bucket.wait(_of(kind, amount), now)
            longest = one if one > longest else longest
        if self.learned is not None:
            calls, tokens = self.learned
            longest = max(longest, calls.wait(1.0, now), tokens.wait(float(amount.tokens), now))
        return longest

    def turned_away(self) -> None:
        """A call was refused for want of room here: whether there is more is worth trying sooner."""
        self._pressed = TURNED_AWAY

    def room(self, now: float) -> float | None:
        """The one number: the share of the pool's capacity that is free. None: nothing known limits it."""
        found: list[float] = [bucket.left(now) / bucket.depth for bucket in self.buckets.values()]
        if self.utilisation is not None and now - self.utilisation_at < UTILISATION_SECONDS:
            found.append(1.0 - self.utilisation)
        if self.engine is not None and now - self.engine_at < ENGINE_SECONDS:
            busy = self.engine.waiting > 0 and self.engine.waiting_before > 0
            found.append(0.0 if busy else 1.0 - (self.engine.kv_used or 0.0))
        if self.closed_until > now:
            found.append(0.0)
        elif self.learned is not None and self.learned[0].bucket is not None:
            found.append(max(one.bucket.left(now) / one.bucket.depth for one in self.learned if one.bucket))
        return min(max(min(found), 0.0), 1.0) if found else None

    def _look(self, now: float) -> None:
        """What is known has changed: is anything limiting it, and how many calls certainly fit?"""
        was_open, self.open = self.open, not (
            self.buckets or self.learned or self.utilisation is not None or self.engine is not None
            or self.closed_until > now
        )  # fmt: skip
        if was_open != self.open:
            self.epoch.number += 1
        self.spare = 0
        if self.open or self.learned is not None or self.closed_until > now or self.tight(now):
            return
        usual = self.usual()
        left = [
            (bucket.left(now) - bucket.depth * TIGHT) / max(_of(kind, usual), 1.0)
            for kind, bucket in self.buckets.items()
        ]
        self.spare = int(min(left) * SPARE) if left else SPARE_MAX

    def fits(self, body_bytes: int, now: float) -> bool:
        """Is there room for such a call, and not just for the last one?"""
        if self.open or self.spare > 0:
            return True
        return self.grade_of(self.amount(body_bytes), now) == ROOM

    def grade_of(self, amount: Amount, now: float) -> int:
        if self._blocked(amount, now) > 0:
            return FULL
        if self.tight(now):
            return NEAR
        return ROOM

    def tight(self, now: float) -> bool:
        """Is so little left that another home is better asked?"""
        used = self.utilisation if now - self.utilisation_at < UTILISATION_SECONDS else None
        if used is not None and used >= UTILISATION_TIGHT:
            return True
        if self.engine is not None and now - self.engine_at < ENGINE_SECONDS and self.engine.tight:
            return True
        return any(bucket.left(now) < bucket.depth * TIGHT for bucket in self.buckets.values())

    def tick(self, now: float) -> None:
        """Time passes: limits fill, what was learned grows, closings end."""
        seconds, self._ticked = now - self._ticked, now
        self._mark(now)
        if self.open:
            return
        if self.learned is not None:
            for one in self.learned:
                one.pass_time(now, seconds, self._pressed)
            if self.learned[0].ceiling is None and self.learned[1].ceiling is None:
                self.learned = None
        self._pressed = 0.0
        self._forget(now)
        self._look(now)
        before, self.grade = self.grade, self.grade_of(self.usual(), now)
        if before != self.grade:
            self.epoch.number += 1

    def _forget(self, now: float) -> None:
        """What was said long ago is not known any more."""
        if now - self.utilisation_at > UTILISATION_SECONDS:
            self.utilisation = None
        if now - self.engine_at > ENGINE_SECONDS:
            self.engine = None

    def _mark(self, now: float) -> None:
        marks = self._marks
        if not marks or now - marks[-1][0] >= MARK_SECONDS:
            marks.append((now, self.sent, self.sent_tokens))

    # --- shared ---

    def snapshot(self, now: float) -> Standing:
        usual = self.usual()
        learned = self.learned
        rates = [None if one is None else one.rate() for one in (learned or (None, None))]
        limits = [
            self.buckets[kind].per_second * MINUTE_SECONDS if kind in self.buckets
            else None if rate is None else rate * MINUTE_SECONDS
            for kind, rate in zip(("requests", "tokens"), rates, strict=True)
        ]  # fmt: skip
        return Standing(
            pool=self.id, room=self.room(now), grade=self.grade_of(usual, now),
            wait_ms=round(self._blocked(usual, now) * 1000), in_flight=self.in_flight,
            tokens_in_flight=self.tokens_in_flight, throttled=self.throttled_count,
            requests_per_min=limits[0], tokens_per_min=limits[1], known_by=self._known_by(), sent=self.sent,
            sent_tokens=self.sent_tokens, closed_ms=max(0, round((self.closed_until - now) * 1000)),
        )  # fmt: skip

    def _known_by(self) -> str:
        found = [
            name
            for name, known in (
                ("told", self._told or self.utilisation is not None), ("configured", self.configured),
                ("learned", self.learned is not None), ("metrics", self.engine is not None),
            )
            if known
        ]  # fmt: skip
        return "+".join(found) or "nothing"

    def absorb(self, peer: str, theirs: Standing, now: float) -> None:
        """What another process sent through this pool is gone here too; closed there is closed here."""
        sent, tokens = self._peers.get(peer, (theirs.sent, theirs.sent_tokens))
        if len(self._peers) >= PEERS_MAX:
            self._peers.clear()
        self._peers[peer] = (theirs.sent, theirs.sent_tokens)
        calls_more, tokens_more = max(0.0, theirs.sent - sent), max(0.0, theirs.sent_tokens - tokens)
        for kind, bucket in self.buckets.items():
            if kind not in self._told and kind in ("requests", "tokens"):
                bucket.level -= calls_more if kind == "requests" else tokens_more
        if theirs.closed_ms > 0:
            self.closed_until = max(self.closed_until, now + min(theirs.closed_ms / 1000, CLOSED_SECONDS_MAX))
        self._look(now)


def _of(kind: Kind, amount: Amount) -> float:
    if kind == "requests":
        return 1.0
    if kind == "tokens":
        return amount.input + amount.output
    return amount.input if kind == "input" else amount.output
