"""A few structs with one setting of every kind, and a way to check a text against them."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from msgspec import Meta, Struct

from freehold.config import Duration, Loaded, Secret, Size, Url, Usd, load
from freehold.errors import Problem, ProblemsError

Name = Annotated[str, Meta(pattern=r"^[a-z-]+$", max_length=8)]


class Inner(Struct, frozen=True, kw_only=True):
    depth: Annotated[Annotated[int, Meta(ge=1, le=9)], Meta(description="How deep.")] = 1


class Every(Struct, frozen=True, kw_only=True):
    """One setting of every kind."""

    word: Annotated[Name, Meta(description="A word.")] = "word"
    count: Annotated[Annotated[int, Meta(ge=0, lt=10)] | None, Meta(description="A count.")] = None
    share: Annotated[Annotated[float, Meta(gt=0, le=1)], Meta(description="A share.")] = 0.5
    switch: Annotated[bool, Meta(description="On or off.")] = False
    colour: Annotated[Literal["red", "green"], Meta(description="A colour.")] = "red"
    words: Annotated[tuple[Name, ...], Meta(max_length=3, description="Words.")] = ()
    either: Annotated[str | int, Meta(description="Text or a number.")] = 1
    day: Annotated[datetime.date | None, Meta(description="A day.")] = None
    wait: Annotated[Duration, Meta(description="A time.")] = Duration("30s")
    room: Annotated[Size, Meta(description="A size.")] = Size("64MiB")
    price: Annotated[Usd | None, Meta(description="A price.")] = None
    url: Annotated[Url | None, Meta(description="An address.")] = None
    key: Annotated[Secret | None, Meta(description="A key.")] = None
    inner: Annotated[Inner, Meta(description="More.")] = Inner()
    many: Annotated[tuple[Inner, ...], Meta(description="Many.")] = ()
    options: Annotated[dict[Name, str], Meta(description="Options.")] = {}


class Named(Struct, frozen=True, kw_only=True):
    """A named table."""

    need: Annotated[int, Meta(description="Must be there.")]


SECTIONS: dict[str, Any] = {"every": Every, "named": dict[Name, Named]}

Check = Callable[[str], Loaded]


@pytest.fixture
def sections() -> dict[str, Any]:
    return SECTIONS


@pytest.fixture
def check(tmp_path: Path) -> Check:
    def run(text: str) -> Loaded:
        path = tmp_path / "settings.toml"
        path.write_text(text)
        path.chmod(0o600)
        return load(path, SECTIONS)

    return run


@pytest.fixture
def problems(check: Check) -> Callable[[str], list[Problem]]:
    def run(text: str) -> list[Problem]:
        with pytest.raises(ProblemsError) as caught:
            check(text)
        return list(caught.value.problems)

    return run
