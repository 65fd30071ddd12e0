from pathlib import Path

import msgspec

from freehold.pocket import FaultRule, Logged, PocketHome, RequestLog
from freehold.pocket import log as log_module
from freehold.pocket.log import without_key, without_secrets
from tests.pocket.talk import ask, said


def entry(number: int, **more: object) -> Logged:
    fields = {"number": number, "at_ns": 0, "home": "h", "method": "POST", "path": "/", "ended": "whole"}
    return msgspec.convert({**fields, **more}, Logged)


def test_log_forgets_the_oldest_first() -> None:
    log = RequestLog()
    for number in range(log_module.ENTRIES_MAX + 5):
        log.keep(entry(number))
    assert len(log.entries) == log_module.ENTRIES_MAX
    assert log.entries[0].number == 5


def test_entry_is_open_until_it_ends() -> None:
    log = RequestLog()
    log.keep(entry(1, ended="open"))
    log.keep(entry(1, ended="whole", sent_bytes=7))
    assert [(one.ended, one.sent_bytes) for one in log.entries] == [("whole", 7)]


def test_file_has_one_line_for_each_request_that_ended(tmp_path: Path) -> None:
    log = RequestLog(tmp_path / "requests.jsonl")
    home = PocketHome(log=log, faults={"second": FaultRule(fault="unavailable", skip=1)})
    ask(home, said("one"))
    ask(home, said("two"))
    log.close()
    lines = (tmp_path / "requests.jsonl").read_text().splitlines()
    entries = [msgspec.json.decode(line, type=Logged) for line in lines]
    assert [(one.number, one.fault, one.ended) for one in entries] == [
        (1, "", "whole"),
        (2, "second", "fault"),
    ]


def test_secrets_are_hidden_wherever_they_are_put() -> None:
    names = ("authorization", "x-api-key", "api-key", "x-goog-api-key", "x-amz-security-token", "cookie")
    hidden = without_secrets({**dict.fromkeys(names, "secret"), "anthropic-version": "2026-10-21"})
    assert "secret" not in repr(hidden)
    assert hidden["anthropic-version"] == "2026-10-21"
    assert (
        without_key("/v1beta/models/m?alt=sse&key=secret&x=1") == "/v1beta/models/m?alt=sse&key=(hidden)&x=1"
    )
