"""Placing work as it comes on machines with chips: where it spoils least for what usually comes.

`cluster.py` is what there is, `typical.py` the usual mix of work and what it could not use, `scarcity.py` how
much a kind of chip will be missed, `placer.py` the rule. It knows nothing of prices, vendors or policies: the
plan decides what runs at a home, this decides on which machine of it.
"""

from freehold.plan.online.cluster import WHOLE, Cluster, Task
from freehold.plan.online.placer import Placer, no_tie
from freehold.plan.online.typical import Mix, mix_of

__all__ = ["WHOLE", "Cluster", "Mix", "Placer", "Task", "mix_of", "no_tie"]
