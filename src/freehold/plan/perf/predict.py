"""What one way of running one kind of work gives: tokens a second, what they cost, how sure that is.

`predict` is a pure function: model shape, work, chip, constants and price in; a prediction with an interval
and what it rests on out. What cannot be known is None, and `unknown` says why.
"""

from __future__ import annotations

import math
from typing import Literal

import msgspec

from freehold.plan.perf.chip import Chip
from freehold.plan.perf.constants import Constants
from freehold.plan.perf.memory import batch_that_fits, chips_to_serve, chips_to_train
from freehold.plan.perf.physics import serve_time, train_flops_per_token, train_utilisation
from freehold.plan.perf.shape import BYTES, ModelShape

Kind = Literal["serve", "batch", "train"]
Z80 = 1.2816
SPECULATION_SPREAD = 0.25  # how far the gain of speculative decoding may be off, in logs
DRAFT_COST = 0.1  # of a step, for the draft model
SECONDS_PER_HOUR = 3600.0
BATCH_INTERACTIVE = 64.0  # sequences per chip where answers are waited for
GUESS_SPREAD = 0.15


class Work(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of a model. A unit is a million output tokens (serve, batch) or trained tokens
    (train)."""

    kind: Kind = "serve"
    precision: str = "bf16"
    inputs: float = 1000.0
    outputs: float = 1000.0
    sequence: int = 4096  # training
    batch: int | None = None  # sequences at once; None: what fits
    speculation: float = 1.0  # tokens gained per decode step by speculative decoding; 1: none


class Prediction(msgspec.Struct, frozen=True, kw_only=True):
    """On `chips` of one kind. Tokens are output tokens, or trained tokens; 80 % of results lie in the
    interval."""

    silicon: str
    stack: str
    chips: int | None = None
    precision: str = "bf16"
    batch: int | None = None
    step_ms: float | None = None
    utilisation: float | None = None  # of peak FLOPs, in training
    tokens_per_s: float | None = None
    tokens_per_s_low: float | None = None
    tokens_per_s_high: float | None = None
    chip_hour_usd: float | None = None
    usd_per_mtok: float | None = None
    usd_per_mtok_low: float | None = None
    usd_per_mtok_high: float | None = None
    watts: float | None = None
    log_spread: float | None = None
    rests_on: str = ""
    unknown: str = ""
    price_from: str = ""

    @property
    def fits(self) -> bool:
        return self.tokens_per_s is not None


def predict(
    shape: ModelShape,
    work: Work,
    chip: Chip,
    constants: Constants,
    *,
    chips: int | None = None,
    chip_hour_usd: float | None = None,
    price_from: str = "",
) -> Prediction:
    blank = Prediction(
        silicon=chip.id, stack=chip.stack, precision=work.precision, chip_hour_usd=chip_hour_usd
    )
    missing = _missing(chip, work)
    if missing:
        return msgspec.structs.replace(blank, unknown=missing)
    count = chips or _chips(shape, work, chip)
    if count is None:
        return msgspec.structs.replace(blank, unknown="does not fit on as many chips as are ever joined")
    made = _trained(shape, work, chip, count, constants) if work.kind == "train" else None
    made = made or (None if work.kind == "train" else _served(shape, work, chip, count, constants))
    if made is None:
        return msgspec.structs.replace(blank, chips=count, unknown=f"does not fit on {count} chips")
    kind = "train" if work.kind == "train" else "decode" if work.batch is not None else "serve"
    times, spread, rests_on = constants.speed(chip.id, chip.stack, kind)
    return _finished(blank, made, times, _spread(spread, shape, work), rests_on, count, chip, price_from)


class _Made(msgspec.Struct, frozen=True, kw_only=True):
    tokens_per_s: float
    batch: int | None = None
    step_ms: float | None = None
    utilisation: float | None = None


def _missing(chip: Chip, work: Work) -> str:
    for value, name in (
        (chip.compute_tflops(work.precision), f"its {work.precision} rate"),
        (chip.memory_gb, "its memory"),
        (chip.bandwidth_tb_per_s, "its bandwidth"),
    ):
        if value is None:
            return f"{name} was not disclosed"
    return ""


def _chips(shape: ModelShape, work: Work, chip: Chip) -> int | None:
    if work.kind == "train":
        return chips_to_train(shape, chip)
    return chips_to_serve(shape, work.precision, chip, work.inputs + work.outputs)


def _served(shape: ModelShape, work: Work, chip: Chip, chips: int, constants: Constants) -> _Made | None:
    limit = work.batch
    if limit is None and work.kind == "serve":  # people wait: a batch they can bear, not the largest
        fits = batch_that_fits(shape, work.precision, chip, chips, work.inputs + work.outputs * 0.75)
        limit = min(fits, int(BATCH_INTERACTIVE * chips))
    time = serve_time(
        shape, work.precision, chip, chips, work.inputs, work.outputs, constants.physics, batch=limit
    )
    if time is None:
        return None
    step_s = time.step_s
    if work.speculation > 1.0:
        step_s = time.step_s * (1 + DRAFT_COST) / work.speculation
    rate = 1.0 / (time.prefill_s / max(1.0, work.outputs) + step_s / time.batch)
    return _Made(tokens_per_s=rate, batch=time.batch, step_ms=step_s * 1e3)


def _trained(shape: ModelShape, work: Work, chip: Chip, chips: int, constants: Constants) -> _Made | None:
    share = train_utilisation(shape, work.precision, chip, chips, work.sequence, constants.physics)
    rate = chip.compute_tflops(work.precision)
    needed = chips_to_train(shape, chip)
    if share is None or rate is None or needed is None or chips < needed:
        return None
    tokens = share * rate[0] * 1e12 * chips / train_flops_per_token(shape, work.sequence)
    return _Made(tokens_per_s=tokens, utilisation=share)


def _spread(spread: float, shape: ModelShape, work: Work) -> float:
    """Independent reasons to be unsure add up as squares."""
    extra = SPECULATION_SPREAD**2 if work.speculation > 1.0 else 0.0
    extra += GUESS_SPREAD**2 if shape.assumed else 0.0
    return math.sqrt(spread**2 + extra)


def _finished(
    blank: Prediction,
    made: _Made,
    times: float,
    spread: float,
    rests_on: str,
    chips: int,
    chip: Chip,
    price_from: str,
) -> Prediction:
    rate, wide = made.tokens_per_s * times, math.exp(Z80 * spread)
    price = blank.chip_hour_usd

    def usd(tokens_per_s: float) -> float | None:
        return None if price is None else price * chips / (tokens_per_s * SECONDS_PER_HOUR) * 1e6

    return msgspec.structs.replace(
        blank, chips=chips, batch=made.batch,
        step_ms=None if made.step_ms is None else made.step_ms / times,
        utilisation=None if made.utilisation is None else made.utilisation * times,
        tokens_per_s=rate, tokens_per_s_low=rate / wide, tokens_per_s_high=rate * wide,
        usd_per_mtok=usd(rate), usd_per_mtok_low=usd(rate * wide), usd_per_mtok_high=usd(rate / wide),
        watts=None if chip.power_w is None else chip.power_w * chips, log_spread=spread,
        rests_on=rests_on + ("" if price is not None else "; its price is unknown"), price_from=price_from,
    )  # fmt: skip


def precisions() -> tuple[str, ...]:
    return tuple(BYTES)
