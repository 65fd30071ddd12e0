"""A plan in the native file of an engine: SkyPilot, Kubernetes or Slurm.

`table.py` lists the engines; each renders the placements on rented chips as files, and says which
placements it leaves out (calls to an API need no engine). Nothing here talks to an engine.
"""

from freehold.plan.export.table import ENGINES, Exported, export

__all__ = ["ENGINES", "Exported", "export"]
