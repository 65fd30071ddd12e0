"""The estate as a value: what there is to run on, and what may run where."""

from __future__ import annotations

import msgspec

from freehold.estate.settings import ModelSettings
from freehold.types.homes import Contract, Home, Policy, Pool, Service, Workload
from freehold.types.names import Digest, HomeId, ModelId, PolicyId, PoolId, ServiceId, WorkloadId

OWN = "self"  # the vendor and operator of your own machines


class Estate(msgspec.Struct, frozen=True, kw_only=True):
    """Every reference in it resolves; `digest` is that of the file it was read from."""

    name: str = ""
    digest: Digest | None = None
    homes: dict[HomeId, Home] = {}
    pools: dict[PoolId, Pool] = {}
    workloads: dict[WorkloadId, Workload] = {}
    policies: dict[PolicyId, Policy] = {}
    services: dict[ServiceId, Service] = {}  # all that the homes stand on, however far down
    models: dict[ModelId, ModelSettings] = {}
    contracts: dict[str, Contract] = {}

    def workload_for(self, model: str) -> Workload | None:
        """The workload a caller means: by its name, else the only one that runs that model."""
        named = self.workloads.get(WorkloadId(model))
        if named is not None:
            return named
        running = [
            workload
            for workload in self.workloads.values()
            if any(self.homes[home].model == model for home in workload.homes)
        ]
        return running[0] if len(running) == 1 else None
