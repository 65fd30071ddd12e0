"""How long a token takes, from peak rates and a few fitted shares. Pure arithmetic, no factors of any chip.

serving: prefill is bound by compute; a decode step reads the weights and every cache, and computes the batch.
training: the share of peak FLOPs that turns into model FLOPs falls with the chip's balance.
"""

from __future__ import annotations

import math

import msgspec

from freehold.plan.perf.chip import Chip
from freehold.plan.perf.constants import BALANCE_UNIT, Physics
from freehold.plan.perf.memory import batch_that_fits, must_recompute
from freehold.plan.perf.shape import ModelShape

LINK_ASSUMED_GB_PER_S = 200.0  # where a chip's is not published


class ServeTime(msgspec.Struct, frozen=True, kw_only=True):
    batch: int
    prefill_s: float  # one sequence
    step_s: float  # one token for the whole batch
    output_tokens_per_s: float  # prefill and decode sharing the chips


def compute_share(share: float, balance: float, physics: Physics) -> float:
    return float(share * (balance / BALANCE_UNIT) ** -physics.balance_exponent)


def serve_time(
    shape: ModelShape, precision: str, chip: Chip, chips: int, inputs: float, outputs: float,
    physics: Physics,
    *, batch: int | None = None,
) -> ServeTime | None:  # fmt: skip
    """At the largest batch that fits (or the one given); None where it does not fit or a rate is unknown."""
    rate, balance = chip.compute_tflops(precision), chip.balance(precision)
    if rate is None or balance is None or chip.bandwidth_tb_per_s is None:
        return None
    context = inputs + outputs / 2
    fits = batch_that_fits(shape, precision, chip, chips, inputs + outputs * 0.75)
    size = min(fits, int(physics.batch_max)) if batch is None else batch
    if fits < 1 or size < 1:
        return None
    flops = rate[0] * 1e12 * chips * compute_share(physics.serve_share, balance, physics)
    reads_gb = shape.weights_gb(precision) + size * shape.kv_gb_per_token(precision) * context
    read_s = reads_gb / (chip.bandwidth_tb_per_s * 1e3 * chips * physics.memory_share)
    compute_s = size * shape.flops_per_token(context) / flops
    longer, shorter = max(read_s, compute_s), min(read_s, compute_s)
    talk_s = exchange_s_per_token(shape, chip, chips, physics)
    step_s = longer + (1 - physics.overlap) * shorter + physics.step_ms / 1e3 + size * talk_s
    if chips > 1:
        step_s += physics.layer_us * 1e-6 * shape.layers
    prefill_s = inputs * (shape.flops_per_token(inputs / 2) / flops + talk_s)
    seconds_per_token = prefill_s / max(1.0, outputs) + step_s / size
    return ServeTime(
        batch=size, prefill_s=prefill_s, step_s=step_s, output_tokens_per_s=1.0 / seconds_per_token
    )


def exchange_s_per_token(shape: ModelShape, chip: Chip, chips: int, physics: Physics) -> float:
    """Two sums across the chips per layer, in 16 bits, each crossing the links twice."""
    if chips == 1:
        return 0.0
    link_gb_per_s = chip.link_gb_per_s or LINK_ASSUMED_GB_PER_S
    gigabytes = shape.layers * 2 * shape.hidden * 2 * 2 * (chips - 1) / chips / 1e9
    return gigabytes / (link_gb_per_s * physics.link_share)


def train_flops_per_token(shape: ModelShape, sequence: int) -> float:
    """Forward and backward of the parameters at work, and full attention, as utilisation is published."""
    return 6e9 * shape.active_b + 12.0 * shape.layers * shape.hidden * sequence


def train_utilisation(
    shape: ModelShape, precision: str, chip: Chip, chips: int, sequence: int, physics: Physics
) -> float | None:
    """The share of peak FLOPs that becomes model FLOPs."""
    balance = chip.balance(precision)
    if balance is None:
        return None
    share = compute_share(physics.train_share, balance, physics)
    share *= physics.recompute if must_recompute(shape, chip, chips, sequence) else 1.0
    share *= physics.mixture if shape.mixture else 1.0
    return min(share, 0.95)


def log_error(observed: float, expected: float) -> float:
    return math.log(observed / expected)
