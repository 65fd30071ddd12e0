import msgspec

from freehold.pocket import FaultRule, PocketHome
from tests.pocket.talk import Sleeps, ask, broken, said, words_of

TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "unit": {"enum": ["celsius", "kelvin"]}},
            "required": ["city", "unit"],
        },
    },
}


def test_malformed_event_is_one_among_good_ones() -> None:
    heard = broken(FaultRule(fault="malformed_event", after=1), stream=True)
    assert words_of(heard.body) == ["one", " three", " four"]
    assert heard.body.endswith(b"data: [DONE]\n\n")


def test_bad_crc_spoils_the_last_bytes_of_a_frame() -> None:
    heard = broken(FaultRule(fault="bad_crc", after=1), stream=True)
    assert words_of(heard.body) == ["one"]
    assert not heard.body.isascii()


def test_error_in_stream_comes_after_a_success() -> None:
    heard = broken(FaultRule(fault="error_in_stream", after=2, message="too busy"), stream=True)
    assert heard.status == 200
    assert words_of(heard.body) == ["one", " two"]
    assert b"too busy" in heard.body
    assert b"[DONE]" not in heard.body


def test_error_in_stream_of_a_whole_answer_is_an_error() -> None:
    heard = broken(FaultRule(fault="error_in_stream", message="too busy"))
    assert heard.status == 529
    assert "too busy" in heard.json["error"]["message"]


def test_no_terminal_ends_well_framed_and_unfinished() -> None:
    heard = broken(FaultRule(fault="no_terminal"), stream=True)
    assert words_of(heard.body) == ["one", " two", " three", " four"]
    assert heard.broken == ""
    assert b"[DONE]" not in heard.body
    assert b'"finish_reason":"stop"' not in heard.body


def test_arguments_come_in_one_piece_when_told_to() -> None:
    def fragments(home: PocketHome) -> list[str]:
        heard = ask(home, said("get_weather please", stream=True, tools=[TOOL]))
        frames = [frame[6:] for frame in heard.body.split(b"\n\n") if frame.startswith(b"data: {")]
        deltas = [msgspec.json.decode(frame)["choices"][0]["delta"] for frame in frames]
        calls = [call for delta in deltas for call in delta.get("tool_calls", [])]
        return [text for call in calls if (text := call["function"].get("arguments"))]

    many = fragments(PocketHome(sleep=Sleeps()))
    one = fragments(PocketHome(faults={"end": FaultRule(fault="arguments_at_end")}))
    assert len(many) > 1
    assert one == ["".join(many)]
