"""Silicon as the numbers that speed depends on. Unknown is None."""

from __future__ import annotations

import msgspec

from freehold.estate.catalog.shapes import Figure, Silicon

MEMORY_USABLE = 0.9  # the runtime, its buffers and fragmentation take the rest


class Chip(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    name: str
    maker: str
    stack: str  # cuda, rocm, neuron, xla, maia-sdk
    tflops: dict[str, float]  # by precision, dense
    memory_gb: float | None
    bandwidth_tb_per_s: float | None
    link_gb_per_s: float | None
    power_w: float | None
    per_machine: int | None

    def compute_tflops(self, precision: str) -> tuple[float, str] | None:
        """The rate for a precision, and the precision the arithmetic is done in where the chip lacks it."""
        for name in {"fp4": ("fp4", "fp8", "int8", "bf16"), "fp8": ("fp8", "int8", "bf16")}.get(
            precision, (precision, "bf16")
        ):
            if name in self.tflops:
                return self.tflops[name], name
        return None

    def balance(self, precision: str) -> float | None:
        """FLOPs the chip can do for each byte it can read: the higher, the harder it is to keep busy."""
        rate = self.compute_tflops(precision)
        return None if rate is None or not self.bandwidth_tb_per_s else rate[0] / self.bandwidth_tb_per_s


def chip_of(silicon: Silicon) -> Chip:
    def value(figure: Figure | None) -> float | None:
        return None if figure is None else figure.value

    rates = {
        "bf16": value(silicon.bf16_tflops), "fp8": value(silicon.fp8_tflops),
        "fp4": value(silicon.fp4_tflops), "int8": value(silicon.int8_tops),
    }  # fmt: skip
    return Chip(
        id=silicon.id, name=silicon.name, maker=silicon.maker,
        stack=silicon.stacks[0] if silicon.stacks else "",
        tflops={name: rate for name, rate in rates.items() if rate is not None},
        memory_gb=value(silicon.memory_gb), bandwidth_tb_per_s=value(silicon.bandwidth_tb_per_s),
        link_gb_per_s=value(silicon.link_gb_per_s), power_w=value(silicon.power_w),
        per_machine=silicon.chips_per_machine_max,
    )  # fmt: skip
