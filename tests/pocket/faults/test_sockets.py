from freehold.pocket import FaultRule, PocketHome
from tests.pocket.talk import Sleeps, ask, broken, said, send, send_and_hang_up, using, words_of


def test_refuse_leaves_nothing_listening() -> None:
    home = PocketHome(faults={"down": FaultRule(fault="refuse")})
    assert using(home, lambda url: send(url, said("hi"))).broken == "ConnectionRefusedError"


def test_refuse_ends_when_it_is_taken_away_and_the_port_is_the_same() -> None:
    home = PocketHome(faults={"down": FaultRule(fault="refuse")})

    async def again(url: str) -> int:
        await home.set_faults({})
        assert home.url == url
        return (await send(url, said("hi"))).status

    assert using(home, again) == 200


def test_reset_on_accept_never_reads_the_request() -> None:
    home = PocketHome(faults={"down": FaultRule(fault="reset_on_accept")})
    assert ask(home, said("hi")).broken == "ConnectionResetError"
    assert home.log.entries == ()


def test_silent_takes_the_request_and_says_nothing() -> None:
    home = PocketHome(faults={"mute": FaultRule(fault="silent")})
    assert using(home, lambda url: send_and_hang_up(url, said("hi"))) == b""
    assert home.log.entries[0].fault == "mute"


def test_slow_headers_waits_and_then_answers() -> None:
    sleeps = Sleeps()
    home = PocketHome(faults={"slow": FaultRule(fault="slow_headers", seconds=40)}, sleep=sleeps)
    assert ask(home, said("hi")).json["choices"][0]["message"]["content"] == "hi"
    assert sleeps.seconds == [40]


def test_slow_drip_sends_everything_a_few_bytes_at_a_time() -> None:
    sleeps = Sleeps()
    rule = FaultRule(fault="slow_drip", bytes=16, seconds=2)
    heard = ask(PocketHome(faults={"drip": rule}, sleep=sleeps), said("one two", stream=True))
    assert words_of(heard.body) == ["one", " two"]
    assert len(sleeps.seconds) >= len(heard.body) / 16


def test_stall_stops_after_so_many_pieces() -> None:
    home = PocketHome(faults={"stall": FaultRule(fault="stall", after=2)})
    got = using(home, lambda url: send_and_hang_up(url, said("one two three", stream=True)))
    assert b'" two"' in got
    assert b"three" not in got


def test_cut_fin_ends_inside_a_frame() -> None:
    heard = broken(FaultRule(fault="cut_fin", after=2), stream=True)
    assert words_of(heard.body) == ["one", " two"]
    assert heard.broken == "ConnectionError"
    assert not heard.body.endswith(b"\n\n")


def test_cut_rst_resets_after_so_many_pieces() -> None:
    heard = broken(FaultRule(fault="cut_rst", after=3), stream=True)
    assert words_of(heard.body) == ["one", " two", " three"]
    assert heard.broken == "ConnectionResetError"


def test_cut_before_content_leaves_only_lifecycle_frames() -> None:
    heard = broken(FaultRule(fault="cut_rst", after=0), stream=True)
    assert words_of(heard.body) == []
    assert b'"role":"assistant"' in heard.body


def test_cut_halves_a_whole_answer() -> None:
    heard = broken(FaultRule(fault="cut_fin"))
    assert heard.status == 200
    assert heard.broken == "ConnectionError"


def test_malformed_chunk_breaks_the_framing() -> None:
    got = broken(FaultRule(fault="malformed_chunk"), stream=True)
    assert got.broken == "WireError"


def test_short_body_promises_more_than_it_sends() -> None:
    heard = broken(FaultRule(fault="short_body"))
    assert 0 < len(heard.body) < int(heard.headers["content-length"])
    assert heard.broken == "ConnectionError"
