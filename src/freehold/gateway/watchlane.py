"""Streams in binary frames that pass through: Bedrock's, whose checksums are checked frame by frame."""

from __future__ import annotations

from freehold.dialects import Codec, DialectError
from freehold.dialects.usage import merged
from freehold.dialects.watching import Passed, Watcher
from freehold.gateway.instream import kind_of
from freehold.gateway.passing import ENDED, FAILED, FINISHED, HOLD, LIVE
from freehold.types.conversation import Begin, End, Finished, StreamError, Usage, UsageReport


class WatchLane:
    """Same face as `PassLane`; the framing and what frames mean are the dialect's own."""

    __slots__ = (
        "_held", "_keep_max", "_watcher", "content_type", "finish", "keeps", "kept", "kept_bytes", "model",
        "state", "usage", "vendor_id", "why",
    )  # fmt: skip

    def __init__(self, codec: Codec, keep_bytes_max: int, content_type: str) -> None:
        self._watcher = Watcher(codec)
        self._keep_max = keep_bytes_max
        self._held: list[bytes] = []
        self.content_type = content_type
        self.state = HOLD
        self.usage: Usage | None = None
        self.model = self.finish = self.vendor_id = self.keeps = self.why = ""
        self.kept: list[bytes] = []
        self.kept_bytes = 0

    def feed(self, data: bytes) -> bytes:
        try:
            return self._passed(self._watcher.feed(data))
        except DialectError as error:
            return self._unreadable(error)

    def close(self) -> bytes:
        try:
            out = self._passed(self._watcher.close())
        except DialectError as error:
            out = self._unreadable(error)
        if self.state == FINISHED:
            self.state = ENDED
        elif self.state < FINISHED:
            self.state, self.why = FAILED, "cut"
        return out

    def _unreadable(self, error: DialectError) -> bytes:
        if self.state < FINISHED:
            self.state, self.why = FAILED, f"unreadable: {error.what}"
        return b""

    def _passed(self, passed: Passed) -> bytes:
        failed = False
        for event in passed.events:
            if isinstance(event, StreamError):
                failed = self.state < FINISHED
                self.why = f"{kind_of(event.kind)}: {event.message}"
            elif isinstance(event, Finished):
                self._note(event.usage)
                self.state, self.finish = FINISHED, event.finish
            elif isinstance(event, Begin):
                self._note(event.usage)
                self.model, self.vendor_id = event.model, event.id
            elif isinstance(event, UsageReport):
                self._note(event.usage)
            elif isinstance(event, End) and self.state == FINISHED:
                self.state = ENDED
        if failed:
            self.state = FAILED
            return b""
        if passed.content and self.state == HOLD:
            self.state = LIVE
        return self._shown(passed.data)

    def _note(self, usage: Usage) -> None:
        self.usage = usage if self.usage is None else merged(self.usage, usage)

    def _shown(self, data: bytes) -> bytes:
        if self.state == HOLD:
            self._held.append(data)
            return b""
        if self._held:
            data = b"".join((*self._held, data))
            self._held.clear()
        if self._keep_max and data:
            self.kept_bytes += len(data)
            if self.kept_bytes <= self._keep_max:
                self.kept.append(data)
            else:
                self.kept.clear()
        return data
