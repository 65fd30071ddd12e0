"""A fault script: which fault, for which requests, how often, and when."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Literal

import msgspec

from freehold.errors import Problem
from freehold.pocket.hints import Hint

RULES_MAX = 200
SECONDS_MAX = 86_400.0

FaultName = Literal[
    "refuse", "reset_on_accept",
    "silent", "slow_headers", "slow_drip", "stall", "cut_fin", "cut_rst", "malformed_chunk", "short_body",
    "bad_crc", "malformed_event", "error_in_stream", "no_terminal", "arguments_at_end",
    "rate_limited", "quota_exhausted", "server_error", "bad_gateway", "unavailable", "overloaded", "status",
    "expired_credentials", "content_filter", "prompt_filtered", "truncated_body", "wrong_content_type",
    "wrong_model", "garbage_usage", "mistyped_usage",
]  # fmt: skip

Probability = Annotated[float, msgspec.Meta(ge=0, le=1)]
Seconds = Annotated[float, msgspec.Meta(ge=0, le=SECONDS_MAX)]
Count = Annotated[int, msgspec.Meta(ge=0, le=10**9)]


class FaultRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One row of a fault script. Everything that selects must hold; the first rule that fits is played."""

    fault: FaultName
    # which requests
    home: str = ""  # only at this home
    contains: str = ""  # somewhere in the body
    model: str = ""
    path: str = ""  # somewhere in the path
    header: str = ""  # "name" (is there) or "name: value" (says exactly that)
    # how often and when
    probability: Probability = 1.0
    seed: int = 0  # of the draws
    skip: Count = 0  # let this many pass first
    count: Count | None = None  # play at most this often
    from_s: Seconds = 0.0  # since the home began to listen, or since the rule was set
    to_s: Seconds | None = None
    # how
    after: Count = 1  # pieces of content that still arrive
    seconds: Seconds = 1.0  # of a delay, or between two drips
    bytes: Annotated[int, msgspec.Meta(ge=1, le=65536)] = 1  # of one drip
    status: Annotated[int, msgspec.Meta(ge=200, le=599)] = 500
    kind: str = "overloaded"  # of an error inside a stream
    message: str = ""
    said: str = "another-model"  # the model that `wrong_model` says it is
    hint: Hint = "vendor"
    retry_after_s: Seconds = 1.0


class FaultFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[faults.NAME]` tables, in the order of the file."""

    faults: dict[str, FaultRule] = {}


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What of a request a rule may look at."""

    home: str
    path: str
    model: str
    headers: Mapping[str, str]
    body: bytes
    elapsed_s: float


def problems(rules: Mapping[str, FaultRule]) -> list[Problem]:
    """What each field allows by itself and the whole does not."""
    found = [problem for name, rule in rules.items() for problem in _problems(name, rule)]
    if len(rules) > RULES_MAX:
        found.append(_problem("faults", f"{len(rules)} faults are too many", f"the most is {RULES_MAX}"))
    return found


def _problems(name: str, rule: FaultRule) -> Iterable[Problem]:
    path = f"faults.{name}"
    if rule.to_s is not None and rule.to_s <= rule.from_s:
        yield _problem(f"{path}.to_s", f"the window ends at {rule.to_s}", f"it begins at {rule.from_s}")
    if rule.fault == "refuse" and (drawn := _selectors(rule, ("count", "skip", "probability"))):
        yield _problem(
            f"{path}.{drawn[0]}", f"`refuse` cannot be chosen by {drawn[0]}",
            "a refused connection is never seen, so it cannot be counted",
            "use from_s and to_s, or reset_on_accept",
        )  # fmt: skip
    if rule.fault in ("refuse", "reset_on_accept") and (
        read := _selectors(rule, ("contains", "model", "path", "header"))
    ):
        yield _problem(
            f"{path}.{read[0]}", f"`{rule.fault}` cannot be chosen by {read[0]}",
            "nothing of the request has been read when it is played",
            "choose it by time or count, or use cut_rst",
        )  # fmt: skip


def _selectors(rule: FaultRule, names: Sequence[str]) -> list[str]:
    plain = FaultRule(fault=rule.fault)
    return [name for name in names if getattr(rule, name) != getattr(plain, name)]


def _problem(path: str, what: str, why: str, fix: str = "change one of them") -> Problem:
    return Problem(code="pocket.bad-fault", what=f"{path}: {what}", why=why, fix=fix, path=path)


class Chooser:
    """Picks the fault for each request. With the same seeds and the same requests, the same faults."""

    def __init__(self, rules: Mapping[str, FaultRule] | None = None) -> None:
        self.rules: dict[str, FaultRule] = dict(rules or {})
        self.played = dict.fromkeys(self.rules, 0)
        self._matched = dict.fromkeys(self.rules, 0)
        self._draws = {name: random.Random(f"{rule.seed}:{name}") for name, rule in self.rules.items()}  # noqa: S311  # faults are drawn to be repeatable

    def choose(self, seen: Seen, stage: frozenset[FaultName]) -> tuple[str, FaultRule] | None:
        for name, rule in self.rules.items():
            if rule.fault in stage and fits(rule, seen) and self._drawn(name, rule):
                self.played[name] += 1
                return name, rule
        return None

    def _drawn(self, name: str, rule: FaultRule) -> bool:
        self._matched[name] += 1
        chance = self._draws[name].random()
        if self._matched[name] <= rule.skip or chance >= rule.probability:
            return False
        return rule.count is None or self.played[name] < rule.count

    def door(self, home: str, elapsed_s: float) -> tuple[bool, float | None]:
        """Is the home refusing connections now, and when may that change next?"""
        refusing = [
            rule for rule in self.rules.values() if rule.fault == "refuse" and rule.home in ("", home)
        ]
        edges = [edge for rule in refusing for edge in (rule.from_s, rule.to_s) if edge is not None]
        shut = any(_in_window(rule, elapsed_s) for rule in refusing)
        return shut, min((edge for edge in edges if edge > elapsed_s), default=None)


def fits(rule: FaultRule, seen: Seen) -> bool:
    return (
        rule.home in ("", seen.home)
        and _in_window(rule, seen.elapsed_s)
        and rule.model in ("", seen.model)
        and rule.path in seen.path
        and rule.contains.encode() in seen.body
        and _header_fits(rule.header, seen.headers)
    )


def _in_window(rule: FaultRule, elapsed_s: float) -> bool:
    return rule.from_s <= elapsed_s and (rule.to_s is None or elapsed_s < rule.to_s)


def _header_fits(wanted: str, headers: Mapping[str, str]) -> bool:
    name, colon, value = wanted.partition(":")
    if not name:
        return True
    found = headers.get(name.strip().lower())
    return found is not None and (not colon or found == value.strip())
