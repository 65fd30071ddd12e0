"""Every fault: adding one is a function, a name in `rules.FaultName`, a row here and a row in the docs."""

from __future__ import annotations

from freehold.pocket.faults import replies, sockets, streams
from freehold.pocket.faults.play import Fault
from freehold.pocket.faults.rules import FaultName

# Played before a request is read; the server does these itself.
LISTENING: dict[FaultName, str] = {
    "refuse": "nothing listens: connections are refused, and those there are broken off",
    "reset_on_accept": "the connection is accepted and reset at once",
}

FAULTS: dict[FaultName, Fault] = {
    "silent": Fault(sockets.silent, "takes the request and never says anything"),
    "slow_headers": Fault(sockets.slow_headers, "`seconds` pass before the first byte of the reply"),
    "slow_drip": Fault(sockets.slow_drip, "`bytes` bytes every `seconds`, to the end"),
    "stall": Fault(sockets.stall, "nothing more comes after `after` pieces of content; the line stays open"),
    "cut_fin": Fault(sockets.cut_fin, "the connection is closed (FIN) after `after` pieces, inside a frame"),
    "cut_rst": Fault(sockets.cut_rst, "the connection is reset (RST) after `after` pieces"),
    "malformed_chunk": Fault(sockets.malformed_chunk, "a chunk whose length is not a number"),
    "short_body": Fault(sockets.short_body, "fewer bytes than Content-Length promises"),
    "bad_crc": Fault(streams.bad_crc, "an event-stream frame whose checksum does not hold"),
    "malformed_event": Fault(streams.malformed_event, "one event that cannot be read, and the rest after it"),
    "error_in_stream": Fault(streams.error_in_stream, "an error of `kind` in a stream that began with 200"),
    "no_terminal": Fault(streams.no_terminal, "the stream ends well, but without its terminal event"),
    "arguments_at_end": Fault(streams.arguments_at_end, "tool arguments in one piece instead of many"),
    "rate_limited": Fault(replies.rate_limited, "429 with `hint` saying to wait `retry_after_s`"),
    "quota_exhausted": Fault(replies.quota_exhausted, "429 that waiting does not cure"),
    "server_error": Fault(replies.server_error, "500"),
    "bad_gateway": Fault(replies.bad_gateway, "502 with a page instead of JSON"),
    "unavailable": Fault(replies.unavailable, "503"),
    "overloaded": Fault(replies.overloaded, "529, or what the vendor says instead"),
    "status": Fault(replies.status, "an error with `status`"),
    "expired_credentials": Fault(replies.expired_credentials, "401, or what the vendor says instead"),
    "content_filter": Fault(replies.content_filter, "the answer is filtered after `after` pieces"),
    "prompt_filtered": Fault(replies.prompt_filtered, "the prompt is filtered: 400, or an empty answer"),
    "truncated_body": Fault(replies.truncated_body, "200 with half of the body, and HTTP in order"),
    "wrong_content_type": Fault(replies.wrong_content_type, "200 with a page of somebody else's"),
    "wrong_model": Fault(replies.wrong_model, "the answer says it is by the model `said`"),
    "garbage_usage": Fault(replies.garbage_usage, "negative and enormous token counts"),
    "mistyped_usage": Fault(replies.mistyped_usage, "token counts that are text"),
}  # fmt: skip
