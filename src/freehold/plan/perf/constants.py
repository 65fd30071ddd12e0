"""What was fitted: a few constants of physics for all chips, and a factor for each stack and chip.

The physics carries over to chips nobody measured; the factors carry what does not: how mature the software
is. A factor is known for (stack, family) or (chip, family), where the family of work is train or serve.
"""

from __future__ import annotations

import math
import tomllib
from functools import cache
from importlib import resources
from typing import Literal

import msgspec

Family = Literal["train", "serve"]
MATURE_STACKS = ("cuda", "xla")
"""Stacks with a decade behind them. Any other is young, and assumed slower until it is measured."""
BALANCE_UNIT = 300.0  # FLOPs per byte at which the shares below are stated


def family_of(kind: str) -> Family:
    return "train" if kind == "train" else "serve"


class Physics(msgspec.Struct, frozen=True, kw_only=True):
    """Shares of the peak that are reached, on the stack the most was published for."""

    train_share: float = 0.48  # of peak FLOPs, at a balance of BALANCE_UNIT
    serve_share: float = 0.52  # of peak FLOPs in prefill and large batches
    balance_exponent: float = 0.4  # how fast a share falls as a chip has more FLOPs for each byte it reads
    memory_share: float = 0.75  # of peak bandwidth in decode
    step_ms: float = 4.0  # per decode step, whatever the batch
    layer_us: float = 20.0  # per layer and decode step where several chips share a layer
    link_share: float = 0.2  # of the published chip-to-chip rate
    overlap: float = 0.34  # 0: compute and memory take turns; 1: the longer of the two hides the other
    recompute: float = 0.68  # of the training speed where activations are computed twice
    mixture: float = 0.81  # of the training speed for a mixture of experts
    batch_max: float = 1024.0  # sequences that one engine runs at once, on however many chips


class Factor(msgspec.Struct, frozen=True, kw_only=True):
    """What measurements say beside physics: log of observed over expected."""

    log_mean: float
    points: int  # measurements behind it; 0: a prior
    source: str = ""
    as_of: str = ""

    @property
    def times(self) -> float:
        return math.exp(self.log_mean)


class Spread(msgspec.Struct, frozen=True, kw_only=True):
    """Standard deviation of the log error, by how much is known of the chip; from left-out measurements."""

    measured: float  # this chip and family was measured
    related: float  # only its stack was
    unknown: float  # neither


class Constants(msgspec.Struct, frozen=True, kw_only=True):
    physics: Physics = Physics()
    factors: dict[str, Factor] = {}  # "stack/family" and "chip/family"
    spread: dict[str, Spread] = {}  # by kind: train, serve, decode
    source: str = ""
    as_of: str = ""

    def factor(self, name: str, family: Family) -> Factor | None:
        return self.factors.get(f"{name}/{family}")

    def speed(self, chip: str, stack: str, kind: str) -> tuple[float, float, str]:
        """(factor, standard deviation of its log, what it rests on) for train, serve or decode on a chip."""
        family = family_of(kind)
        spread = self.spread.get(kind, Spread(measured=0.3, related=0.5, unknown=0.7))
        of_stack, of_chip = self.factor(stack, family), self.factor(chip, family)
        log = (of_chip.log_mean if of_chip else 0.0) + (of_stack.log_mean if of_stack else 0.0)
        if of_chip and of_chip.points:
            return (
                math.exp(log),
                spread.measured,
                f"{of_chip.points} measurements of {chip} ({of_chip.source})",
            )
        if of_stack and (of_stack.points or stack in MATURE_STACKS):
            basis = f"{of_stack.points} measurements of other {stack} chips" if of_stack.points else "physics"
            return math.exp(log), spread.related, f"{basis}; {chip} itself was not measured"
        young = self.factor("young", family) if of_stack is None and stack not in MATURE_STACKS else None
        log += young.log_mean if young else 0.0
        return (
            math.exp(log),
            spread.unknown,
            f"physics and the mean of young stacks; nothing of {stack} measured",
        )


@cache
def packaged() -> Constants:
    """The constants in the package, fitted by scripts/fit_performance.py to published points."""
    text = resources.files("freehold.plan").joinpath("data", "constants.toml").read_text(encoding="utf-8")
    return msgspec.convert(tomllib.loads(text), Constants)
