"""Every fault at every dialect: what a client of it meets is a fault, and never a crash of the home."""

import pytest

from freehold.dialects import codec
from freehold.errors import FreeholdError
from freehold.pocket import FaultRule, PocketHome
from freehold.pocket.faults import FAULTS, FaultName
from tests.pocket.talk import Heard, Sleeps, send, send_and_hang_up, using

WORDS = "one two three four"
# dialect -> path and body of a plain call, path and body of a streamed one
CALLS: dict[str, tuple[tuple[str, object], tuple[str, object]]] = {
    "openai": (
        ("/v1/chat/completions", {"model": "m", "messages": [{"role": "user", "content": WORDS}]}),
        ("/v1/chat/completions",
         {"model": "m", "messages": [{"role": "user", "content": WORDS}], "stream": True}),
    ),
    "responses": (
        ("/v1/responses", {"model": "m", "input": WORDS}),
        ("/v1/responses", {"model": "m", "input": WORDS, "stream": True}),
    ),
    "anthropic": (
        ("/v1/messages", {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": WORDS}]}),
        ("/v1/messages", {"model": "m", "max_tokens": 9, "stream": True,
                          "messages": [{"role": "user", "content": WORDS}]}),
    ),
    "bedrock": (
        ("/model/m/converse", {"messages": [{"role": "user", "content": [{"text": WORDS}]}]}),
        ("/model/m/converse-stream", {"messages": [{"role": "user", "content": [{"text": WORDS}]}]}),
    ),
    "gemini": (
        ("/v1beta/models/m:generateContent", {"contents": [{"role": "user", "parts": [{"text": WORDS}]}]}),
        ("/v1beta/models/m:streamGenerateContent?alt=sse",
         {"contents": [{"role": "user", "parts": [{"text": WORDS}]}]}),
    ),
}  # fmt: skip
QUIET = {"silent", "stall"}  # end only when the client hangs up
HARMLESS = {"slow_headers", "slow_drip", "arguments_at_end"}  # the answer is right, whenever it comes
# Not what a reader of answers notices: another name for the model, or counts nobody could have spent.
TOLD = {"wrong_model", "garbage_usage", "mistyped_usage", "content_filter", "prompt_filtered", "bad_crc"}


def met(dialect: str, fault: FaultName, *, stream: bool) -> tuple[PocketHome, Heard]:
    home = PocketHome(dialect, faults={"fault": FaultRule(fault=fault, bytes=64)}, sleep=Sleeps())
    path, body = CALLS[dialect][stream]
    if fault in QUIET:
        return home, Heard(body=using(home, lambda url: send_and_hang_up(url, body, path)))
    return home, using(home, lambda url: send(url, body, path))


def well(dialect: str, heard: Heard, *, stream: bool) -> bool:
    """Would a client of this dialect take it for a whole and good answer?"""
    if heard.broken or heard.status != 200:
        return False
    reader = codec(dialect)
    try:
        if not stream:
            return reader.read_answer(heard.body).finish != "error"
        events = reader.stream_reader()
        events.feed(heard.body)
        return events.ended
    except FreeholdError:
        return False


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("dialect", sorted(CALLS))
def test_answer_without_a_fault_is_well(dialect: str, stream: bool) -> None:
    home, path_and_body = PocketHome(dialect), CALLS[dialect][stream]
    heard = using(home, lambda url: send(url, path_and_body[1], path_and_body[0]))
    assert well(dialect, heard, stream=stream)
    assert b"four" in heard.body


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("dialect", sorted(CALLS))
@pytest.mark.parametrize("fault", sorted(set(FAULTS) - TOLD))
def test_fault_is_met_at_every_dialect(fault: FaultName, dialect: str, stream: bool) -> None:
    home, heard = met(dialect, fault, stream=stream)
    (entry,) = home.log.entries
    assert (entry.fault, entry.ended) == ("fault", "fault")
    whole = fault == "no_terminal" and not stream  # a whole answer has no terminal event
    assert well(dialect, heard, stream=stream) == (fault in HARMLESS or whole)


@pytest.mark.parametrize("dialect", sorted(CALLS))
@pytest.mark.parametrize("fault", sorted(TOLD))
def test_fault_in_what_is_said_leaves_no_crash(fault: FaultName, dialect: str) -> None:
    for stream in (False, True):
        home, heard = met(dialect, fault, stream=stream)
        assert heard.status in (200, 400)
        assert home.log.entries[0].ended == "fault"
