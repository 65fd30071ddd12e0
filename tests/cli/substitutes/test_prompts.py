from __future__ import annotations

from pathlib import Path

import pytest

from freehold.cli.substitutes.prompts import read_prompts
from freehold.errors import InputError
from freehold.types.conversation import Text


def test_each_line_of_a_text_file_is_a_prompt(tmp_path: Path) -> None:
    file = tmp_path / "prompts.txt"
    file.write_text("first\n\n  second \n")
    found = read_prompts(file)
    assert [(one.number, one.conversation.turns[0].blocks) for one in found] == [
        (1, (Text(text="first"),)), (3, (Text(text="second"),))
    ]  # fmt: skip


def test_requests_of_any_dialect_are_read_with_what_is_expected(tmp_path: Path) -> None:
    file = tmp_path / "prompts.jsonl"
    file.write_text(
        '"plain"\n{"prompt": "2+2", "expected": "4"}\n'
        '{"messages": [{"role": "user", "content": "hi"}], "stream": true, "expected": "hello"}\n'
        '{"dialect": "gemini", "request": {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}}\n'
        '{"dialect": "bedrock", "request": {"messages": [{"role": "user", "content": [{"text": "hi"}]}]}}\n'
    )
    found = read_prompts(file)
    assert [one.expected for one in found] == [None, "4", "hello", None, None]
    assert [one.conversation.dialect for one in found] == ["", "", "openai", "gemini", "bedrock"]
    assert not any(one.conversation.stream for one in found)


@pytest.mark.parametrize(
    "text",
    ["", "{", "3", '{"prompt": 3}', '{"dialect": "morse", "request": {}}', '{"messages": "hi"}',
     '{"prompt": "a", "expected": 4}', '{"dialect": "anthropic", "request": []}'],
)  # fmt: skip
def test_line_that_is_no_prompt_is_named(tmp_path: Path, text: str) -> None:
    file = tmp_path / "prompts.jsonl"
    file.write_text(f"{text}\n")
    with pytest.raises(InputError) as caught:
        read_prompts(file)
    assert caught.value.code == "cli.bad-prompts"
    assert not text or "line 1" in caught.value.what


def test_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "prompts.txt"
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError):
        read_prompts(file)
