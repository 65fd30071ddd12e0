"""What fits on how many chips: weights, cache, optimizer state, activations."""

from __future__ import annotations

from freehold.plan.perf.chip import MEMORY_USABLE, Chip
from freehold.plan.perf.shape import ModelShape

TRAIN_BYTES_PER_PARAMETER = 16.0  # bf16 weights and gradients, fp32 master weights and two moments
ACTIVATION_BYTES = 34.0  # per token, layer and hidden unit, attention not stored
SHARD_SHARE = 0.5  # of a chip's memory that training state may take before it is split further
TRAIN_USABLE = 0.88  # of memory, for state and activations
CHIP_COUNTS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)


def batch_that_fits(shape: ModelShape, precision: str, chip: Chip, chips: int, context: float) -> int:
    """Sequences of this length whose cache fits beside the weights; 0 where not even the weights do."""
    if chip.memory_gb is None:
        return 0
    free_gb = chip.memory_gb * chips * MEMORY_USABLE - shape.weights_gb(precision)
    return max(0, int(free_gb / (shape.kv_gb_per_token(precision) * max(1.0, context))))


def chips_to_serve(
    shape: ModelShape, precision: str, chip: Chip, context: float, batch: int = 8
) -> int | None:
    """The smallest usual number of chips that holds weights and a batch worth having."""
    for count in CHIP_COUNTS:
        if batch_that_fits(shape, precision, chip, count, context) >= batch:
            return count
    return None


def training_state_gb(shape: ModelShape) -> float:
    return shape.parameters_b * TRAIN_BYTES_PER_PARAMETER


def chips_to_train(shape: ModelShape, chip: Chip) -> int | None:
    """The smallest usual number of chips that holds the training state with room for activations."""
    if chip.memory_gb is None:
        return None
    need = training_state_gb(shape) / (chip.memory_gb * TRAIN_USABLE)
    return next((count for count in CHIP_COUNTS if count >= need), None)


def must_recompute(shape: ModelShape, chip: Chip, chips: int, sequence: int) -> bool:
    """Do activations of one sequence have to be thrown away and computed again?"""
    if chip.memory_gb is None:
        return False
    state = training_state_gb(shape)
    shards = min(chips, max(1.0, state / (SHARD_SHARE * chip.memory_gb)))
    activations_gb = sequence * shape.layers * shape.hidden * ACTIVATION_BYTES / 1e9
    return state / chips + activations_gb / shards > TRAIN_USABLE * chip.memory_gb
