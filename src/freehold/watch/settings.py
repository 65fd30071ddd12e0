"""The watch room's part of freehold.toml: who judges which calls, and how often."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=64)]
PathText = Annotated[str, Meta(min_length=1, max_length=4000)]


class MonitorSettings(Struct, frozen=True, kw_only=True):
    """One monitor: it judges answers under a constitution."""

    constitution: Annotated[PathText, Meta(description="The file with the principles it judges by.")]
    home: Annotated[Name | None, Meta(description="The home of the judging model; none: in process.")] = None
    workloads: Annotated[tuple[Name, ...], Meta(description="Workloads it watches; empty means all.")] = ()
    sampling_p: Annotated[
        Annotated[float, Meta(gt=0, le=1)], Meta(description="The share of answers it judges.")
    ] = 0.01
    probes: Annotated[
        PathText | None, Meta(description="Labelled probes that measure its power; none: power is unknown.")
    ] = None
