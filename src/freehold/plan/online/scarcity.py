"""How much a chip of each kind will be missed.

Work that may run anywhere should leave alone the chips that other work cannot do without. Suppose that what
is still to come asks for as many chips as are free, in the usual mix, and spreads evenly over the kinds that
each part of it may use: then the pressure on a kind is what is asked of one of its free chips. It is the same
for all kinds where nothing is particular about chips, and grows as a kind that some need runs out.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from freehold.plan.online.cluster import WHOLE, Cluster, Floats
from freehold.plan.online.typical import Mix

Wanted = Mapping[frozenset[int], float]


def wanted(mix: Mix) -> Wanted:
    """The share of chips asked for, by the kinds that will do; an empty set is any."""
    found: dict[frozenset[int], float] = {}
    for task, share in zip(mix.tasks, mix.share, strict=True):
        if task.gpus:
            found[task.kinds] = found.get(task.kinds, 0.0) + float(share) * task.asked
    total = sum(found.values())
    return {kinds: asked / total for kinds, asked in found.items()} if total else {}


def pressure(cluster: Cluster, wanted: Wanted) -> Floats:
    """Per kind, chips asked for each free one; 0 where nothing wants it."""
    free = np.zeros(cluster.kinds)
    np.add.at(free, cluster.kind, cluster.free.sum(axis=1) / WHOLE)
    pressed = np.zeros(cluster.kinds)
    for kinds, share in wanted.items():
        which = np.array(sorted(kinds), dtype=np.int64) if kinds else np.arange(cluster.kinds)
        at_hand = float(free[which].sum())
        pressed[which] += share * float(free.sum()) / max(1.0, at_hand)
    return pressed
