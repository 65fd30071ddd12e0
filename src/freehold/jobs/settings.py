"""The jobs room's part of freehold.toml: the engines that run placed work."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from freehold.config.secrets import Secret
from freehold.config.values import Duration, Url

Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=64)]
Words = Annotated[str, Meta(min_length=1, max_length=4000)]


class EngineSettings(Struct, frozen=True, kw_only=True):
    """One engine: this machine, a Ray or Slurm cluster, Kubernetes through SkyPilot."""

    kind: Annotated[Literal["local", "ray", "slurm", "skypilot"], Meta(description="What sort of engine.")]
    address: Annotated[Url | None, Meta(description="Where its head or API is, for a remote one.")] = None
    credential: Annotated[Secret | None, Meta(description="Where its key or token is.")] = None
    options: Annotated[dict[Name, Words], Meta(description="Settings of the engine: partition, queue.")] = {}


class JobsSettings(Struct, frozen=True, kw_only=True):
    """Placed work on real engines."""

    checkpoint_every: Annotated[
        Duration, Meta(description="How often a job saves its work, unless it says otherwise.")
    ] = Duration("10m")
    heartbeat: Annotated[
        Duration, Meta(description="A job silent for three of these is taken to have lost its home.")
    ] = Duration("10s")
    engines: Annotated[dict[Name, EngineSettings], Meta(description="The engines, by name.")] = {}
