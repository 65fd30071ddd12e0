"""A home that samples for a run: its URL is in the recipe, its control token in the environment."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from freehold.align.homes import SamplingHome

TOKEN_VARIABLE = "FREEHOLD_POCKET_TOKEN"  # noqa: S105  # the name of a variable


def make_remote(url: str) -> SamplingHome:
    from freehold.align.homes import SamplingHome

    return SamplingHome(url, token=os.environ.get(TOKEN_VARIABLE, ""))
