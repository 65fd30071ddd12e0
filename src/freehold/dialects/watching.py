"""Streams that pass through: the dialect's own reader, spared the frames that are plainly content.

The telling texts cannot occur inside a JSON string, because a quote is escaped there; where a frame is not
plainly content, it is read in full.
"""

from __future__ import annotations

from collections.abc import Callable

from freehold.dialects import eventstream, sse
from freehold.dialects.base import Codec, DialectError, StreamReader
from freehold.types.conversation import (
    BlockEnd,
    BlockStart,
    Event,
    StreamError,
    Text,
    TextDelta,
    Thinking,
    ThinkingDelta,
    ToolDelta,
    UsageReport,
)

_BLOCKS = (TextDelta, ThinkingDelta, ToolDelta, BlockStart, BlockEnd)
_DELTAS = (
    b"event: response.output_text.delta\n", b"event: response.reasoning_summary_text.delta\n",
    b"event: response.function_call_arguments.delta\n",
)  # fmt: skip
# How a chunk of one choice ends when neither a finish nor a usage is in it, compact or spaced.
_UNFINISHED = (
    b'"finish_reason":null}]}', b'"finish_reason":null}],"usage":null}',
    b'"finish_reason": null}]}', b'"finish_reason": null}], "usage": null}',
)  # fmt: skip
# base64 of `{"type":"content_block_delta"`, as InvokeModel's chunks begin
_DELTA_BASE64 = b'{"bytes":"eyJ0eXBlIjoiY29udGVudF9ibG9ja19kZWx0YSIs'


def shows_content(event: Event) -> bool:
    """Has the home begun to answer? An opened block that is still empty is a lifecycle frame."""
    match event:
        case TextDelta() | ThinkingDelta() | ToolDelta():
            return True
        case BlockStart():
            return not isinstance(event.block, Text | Thinking)
    return False


class Passed:
    """What one feed let through: whole frames, whether content is among them, and what else they say."""

    __slots__ = ("content", "data", "events")

    def __init__(self) -> None:
        self.data = b""
        self.content = False
        self.events: list[Event] = []


def _openai(frame: bytes) -> bool:
    return frame.endswith(_UNFINISHED) and frame.count(b'"finish_reason"') == 1


def _anthropic(frame: bytes) -> bool:
    return frame.startswith(b"event: content_block_delta\n")


def _responses(frame: bytes) -> bool:
    return frame.startswith(_DELTAS)


def _gemini(frame: bytes) -> bool:
    return frame.startswith(b'data: {"candidates"') and not (
        b'"finishReason"' in frame or b'"functionCall"' in frame or b'"promptFeedback"' in frame
    )


def _bedrock(frame: bytes) -> bool:
    return frame.find(b":event-type\x07\x00\x11contentBlockDelta", 0, 128) >= 0


def _invoke(frame: bytes) -> bool:
    return frame.find(_DELTA_BASE64, 0, 256) >= 0


_PLAIN: dict[str, Callable[[bytes], bool]] = {
    "openai": _openai, "responses": _responses, "anthropic": _anthropic, "vertex-claude": _anthropic,
    "bedrock": _bedrock,
    "bedrock-invoke": _invoke, "gemini": _gemini,
}  # fmt: skip


class Watcher:
    """Lets a stream through frame by frame. A cut in the middle of a frame never reaches the caller."""

    def __init__(self, codec: Codec, *, hide_usage: bool = False) -> None:
        self._reader: StreamReader = codec.stream_reader()
        binary = codec.name == "bedrock"
        self._frames: eventstream.EventStreamReader | sse.SseReader
        self._frames = eventstream.EventStreamReader() if binary else sse.SseReader()
        self._end = b"" if binary else b"\n\n"
        self._hide_usage = hide_usage
        self._plain = _PLAIN[codec.form]
        self._content = False  # seen so far

    @property
    def ended(self) -> bool:
        return self._reader.ended

    def feed(self, data: bytes) -> Passed:
        passed = Passed()
        kept: list[bytes] = []
        try:
            for frame in self._frames.frames(data):
                if self._content and self._plain(frame):
                    passed.content = True
                    kept.append(frame)
                elif self._told(frame, passed):
                    kept.append(frame)
        except DialectError as error:
            # What came whole before it still goes through.
            passed.events.append(StreamError(kind="malformed", message=error.why or error.what))
        passed.data = self._end.join([*kept, b""]) if kept else b""
        return passed

    def _told(self, frame: bytes, passed: Passed) -> bool:
        """Reads one frame in full; False if the caller is not to see it."""
        read = self._reader.feed(frame + self._end)
        told: list[Event] = [event for event in read if not isinstance(event, _BLOCKS)]
        if any(shows_content(event) for event in read):
            passed.content = self._content = True
        passed.events += told
        return not (self._hide_usage and _only_usage(told, frame))

    def close(self) -> Passed:
        """The connection ended: as the reader's own close, and with its last frame if that was whole."""
        rest = self._frames.rest() if isinstance(self._frames, sse.SseReader) else b""
        passed = self.feed(rest + self._end) if rest else Passed()
        passed.events += [event for event in self._reader.close() if not isinstance(event, _BLOCKS)]
        return passed


def _only_usage(events: list[Event], frame: bytes) -> bool:
    return (
        len(events) == 1
        and isinstance(events[0], UsageReport)
        and b'"choices":[]' in frame.replace(b" ", b"")
    )
