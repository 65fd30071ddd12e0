"""A model as the numbers its speed depends on."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from functools import cache
from importlib import resources

import msgspec

from freehold.errors import InputError, nearest

BYTES = {"bf16": 2.0, "fp8": 1.0, "int8": 1.0, "fp4": 0.5625}  # fp4 carries a scale for every 16 weights
KV_BYTES = {"bf16": 2.0, "fp8": 1.0, "int8": 1.0, "fp4": 1.0}  # caches stay at fp8 below it


class ModelShape(msgspec.Struct, frozen=True, kw_only=True):
    """`active_b` is what works per token; for a dense model all of it."""

    name: str
    parameters_b: float
    active_b: float
    layers: int
    hidden: int
    kv_dim: int
    assumed: str = ""  # what of this was not published

    @property
    def mixture(self) -> bool:
        return self.active_b < 0.95 * self.parameters_b

    def weights_gb(self, precision: str) -> float:
        return self.parameters_b * BYTES[precision]

    def kv_gb_per_token(self, precision: str) -> float:
        return 2 * self.layers * self.kv_dim * KV_BYTES[precision] / 1e9

    def flops_per_token(self, context: float) -> float:
        """Forward, one token: 2 per active parameter, and attention over what came before."""
        return 2e9 * self.active_b + 4.0 * self.layers * self.hidden * context


@cache
def known() -> dict[str, ModelShape]:
    text = resources.files("freehold.plan").joinpath("data", "shapes.toml").read_text(encoding="utf-8")
    found: dict[str, ModelShape] = {}
    for name, entry in tomllib.loads(text).items():
        aliases: Iterable[str] = entry.pop("names", ())
        shape = ModelShape(name=name, **{"active_b": entry["parameters_b"], **entry})
        for alias in (name, *aliases):
            found[alias.casefold()] = shape
    return found


def shape_of(name: str) -> ModelShape:
    """The shape of a model by its name, or an error with the nearest known one."""
    shape = known().get(name.casefold())
    if shape is None:
        close = nearest(name.casefold(), known())
        raise InputError(
            f"the shape of the model {name!r} is not known",
            why="a prediction needs parameters, layers and cache size, which closed models do not disclose"
            + (f"; the closest known is {close!r}" if close else ""),
            fix="name an open model, or give --parameters with --layers, --hidden and --kv-dim",
            code="plan.unknown-shape",
        )
    return shape


def guessed(name: str, parameters_b: float, active_b: float | None = None) -> ModelShape:
    """A shape from a parameter count alone, by the proportions that open models have in common."""
    dense = active_b or parameters_b
    layers = max(8, round(18.0 * dense**0.37 / 2) * 2)
    hidden = max(512, round((dense * 1e9 / (12.0 * layers)) ** 0.5 / 128) * 128)
    return ModelShape(
        name=name, parameters_b=parameters_b, active_b=dense, layers=layers, hidden=hidden,
        kv_dim=min(1024, hidden), assumed="layers, hidden and cache size, from the parameters",
    )  # fmt: skip
