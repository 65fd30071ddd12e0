"""What the readers of streams have in common where a dialect streams server-sent events."""

from __future__ import annotations

from abc import ABC, abstractmethod

from freehold.dialects import sse
from freehold.types.conversation import End, Event, StreamError


class EventReader(ABC):
    """A dialect says how one event is read, and what an answer that was not cut ends with."""

    finish = "a finish reason"

    def __init__(self) -> None:
        self._frames = sse.SseReader()
        self._failed = self._closed = False
        self.ended = False

    @abstractmethod
    def take(self, payload: bytes, frame: bytes, events: list[Event]) -> None:
        """One event of the wire into neutral ones; `frame` is all of it, should its name matter."""

    def feed(self, data: bytes) -> list[Event]:
        events: list[Event] = []
        for frame in self._frames.frames(data):
            payload = sse.payload(frame)
            if payload:
                self.take(payload, frame, events)
        return events

    def close(self) -> list[Event]:
        events: list[Event] = []
        last = self._frames.rest()
        payload = sse.payload(last)
        if payload and not self._failed:
            self.take(payload, last, events)
        if self._failed or self._closed:
            return events
        self._closed = True
        if self.ended:
            return [*events, End()]
        self._failed = True
        return [*events, StreamError(kind="cut", message=f"the stream ended without {self.finish}")]
