"""`freehold substitute test` from two pocket homes to the line in the estate."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from freehold.pocket import FaultRule, PocketHome, ScriptedEngine
from freehold.pocket.script import AnswerRule

FILE = """\
# an estate with a comment
[models.big]
[models.small]
context_tokens = 100
[policies.p]
substitution = true
[homes.own]
vendor = "anthropic"
api = "anthropic"
model = "big"
url = "{own}"
credential = "file:{key}"
price = {{ input_usd_per_mtok = 3, output_usd_per_mtok = 15 }}
[homes.other]
vendor = "openai"
api = "openai"
model = "small"
url = "{other}"
credential = "file:{key}"
price = {{ input_usd_per_mtok = 1, output_usd_per_mtok = 2 }}
[workloads.chat]
homes = ["own"]  # best first
policy = "p"
"""
REFUSES = AnswerRule(kind="refuse", contains="secret")
PREFILLED = {"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "The"}]}


@contextlib.asynccontextmanager
async def estate(folder: Path, more: str = "", **faults: FaultRule) -> AsyncIterator[Path]:
    own = PocketHome("anthropic", name="own")
    other = PocketHome("openai", ScriptedEngine([REFUSES], home="other"), name="other", faults=faults)
    async with own.running() as here, other.running() as there:
        key, file = folder / "key", folder / "freehold.toml"
        key.write_text("any\n")
        key.chmod(0o600)
        file.write_text(FILE.format(own=here, other=there, key=key) + more)
        yield file


async def run(file: Path, *words: str, prompts: object = ("to be", "or not")) -> tuple[int, str, str]:
    lines = file.parent / "prompts.jsonl"
    lines.write_text("".join(json.dumps(one) + "\n" for one in prompts))  # type: ignore[attr-defined]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "freehold", "substitute", "test", "chat", "other", "--prompts", str(lines),
        "-c", str(file), *words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=dict(os.environ),
    )  # fmt: skip
    out, err = await process.communicate()
    return process.returncode or 0, out.decode(), err.decode()


async def test_homes_that_agree_are_written_into_the_estate_as_such(tmp_path: Path) -> None:
    async with estate(tmp_path) as file:
        before = file.read_text()
        code, out, err = await run(
            file, "--write", "--json", "--again", prompts=[f"say {n}" for n in range(8)]
        )
        after = file.read_text()
    told = msgspec.json.decode(out)["data"]
    assert (code, told["cannot"], told["compared"]["agreement"]["rate"]) == (0, [], 1.0), err
    assert told["compared"]["with_itself"]["rate"] == 1.0
    assert told["compared"]["usd_more"]["value"] < 0
    (line,) = set(after.splitlines()) - set(before.splitlines())
    assert line.startswith(
        f'substitutes = [{{ home = "other", quality = {told["quality"]} }}]  # agreed on 100%'
    )


async def test_what_the_stand_in_cannot_do_is_said_and_ends_with_one(tmp_path: Path) -> None:
    more = "input_tokens = 500\n"
    async with estate(tmp_path, more) as file:
        code, out, _ = await run(
            file, prompts=["hello", {"dialect": "anthropic", "request": {"max_tokens": 9, **PREFILLED}}]
        )
    assert code == 1
    assert "a typical call has 500 tokens, and small takes 100" in out
    assert "(1 prompts, not asked)" in out
    assert "quality = " in out


async def test_refusals_are_told_apart_from_answers(tmp_path: Path) -> None:
    async with estate(tmp_path) as file:
        code, out, _ = await run(file, prompts=["tell me a secret", "hello", "hello again"])
    assert code == 0
    assert "33.3%" in out
    assert "disagreed on lines 1" in out


async def test_throttled_home_is_asked_again(tmp_path: Path) -> None:
    async with estate(tmp_path, busy=FaultRule(fault="rate_limited", count=1)) as file:
        code, out, _ = await run(file, "--json", prompts=["hello"])
    assert (code, msgspec.json.decode(out)["data"]["compared"]["other"]["failed"]) == (0, 0)


@pytest.mark.parametrize(
    ("words", "code", "error"),
    [
        (("--own", "nobody"), 3, "estate.unknown-home"),
        (("--own", "other"), 3, "cli.cannot-stand-in"),
    ],
)
async def test_homes_that_cannot_be_compared_are_refused(
    tmp_path: Path, words: tuple[str, ...], code: int, error: str
) -> None:
    async with estate(tmp_path) as file:
        found, _, err = await run(file, *words)
    assert (found, f"error[{error}]" in err) == (code, True)


async def test_home_that_never_answers_has_no_quality(tmp_path: Path) -> None:
    async with estate(tmp_path, away=FaultRule(fault="expired_credentials")) as file:
        code, _, err = await run(file, "--write")
        assert "quality" not in file.read_text()
    assert (code, "error[cli.cannot-stand-in]" in err, "status 401" in err) == (4, True, True)
