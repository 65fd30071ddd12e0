"""Asking a model for samples, and judging what it said."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from freehold.types.conversation import Conversation, Finish, Usage
from freehold.types.names import Digest, HomeId, RecordId


class SampleRequest(msgspec.Struct, frozen=True, kw_only=True):
    conversation: Conversation
    max_tokens: int = 256
    temperature: float = 1.0
    top_p: float = 1.0
    stop: tuple[str, ...] = ()
    seed: int | None = None
    prefill: str = ""
    logprobs: bool = False


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    text: str
    token_ids: tuple[int, ...] | None = None
    logprobs: tuple[float, ...] | None = None
    finish: Finish = "stop"
    usage: Usage = Usage()
    home: HomeId | None = None
    weights_digest: Digest | None = None
    record_id: RecordId | None = None


class ScoreRequest(msgspec.Struct, frozen=True, kw_only=True):
    """How likely is each continuation after the conversation?"""

    conversation: Conversation
    continuations: tuple[str, ...]


class Scores(msgspec.Struct, frozen=True, kw_only=True):
    """Sum of token log-probabilities, one tuple per request, one number per continuation."""

    logprobs: tuple[tuple[float, ...], ...]
    weights_digest: Digest | None = None


class NotSupported(msgspec.Struct, frozen=True, kw_only=True):
    """The sampler cannot do this, and says why. A value, not an exception."""

    why: str


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """One output to be judged: what was asked, what was answered."""

    id: str
    conversation: Conversation
    answer: str
    record_id: RecordId | None = None


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """A judgement of one output under one principle, with what is known of the judge."""

    judged: str
    principle: str
    score: float | None = None
    passed: bool | None = None  # None: not decided
    monitor: str
    monitor_home: HomeId | None = None
    sampling_p: float = 1.0
    power_low: float | None = None  # lower bound of the detection rate on labelled probes
    false_alarm: float | None = None
    probes_digest: Digest | None = None
    why: str = ""


class RoleLoad(msgspec.Struct, frozen=True, kw_only=True):
    """What one role of an alignment recipe asks of a model: tokens per unit of policy tokens."""

    role: str  # policy, feedback, judge, trainer
    model: str
    input_ratio: float
    output_ratio: float
    train_ratio: float = 0.0


class AlignShape(msgspec.Struct, frozen=True, kw_only=True):
    """The token ratios of a recipe, for planning where its roles should sit."""

    roles: Sequence[RoleLoad]
    policy_tokens: int
    weight_syncs: int = 0
