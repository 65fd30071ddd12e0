"""Constitutional training as one resumable run from one file.

Knows: constitutions, recipes, the stages of a run, the loop that trains, how a checkpoint is measured and
what it all cost. Must not know: the gateway, the jobs that may place it, the console that may look. Start
with `run` (the stages in their order), then `work` (what they share), `train` (the loop), `critic` (AI
feedback) and `evaluate`. The run folder's format is `freehold.watch.runlog`. Importing this package loads
no torch: constitutions, recipes and reports are read where none is installed.
"""

from freehold.align.constitution import Constitution, Principle, diff, read_constitution
from freehold.align.recipe import Recipe, read_recipe

__all__ = ["Constitution", "Principle", "Recipe", "diff", "read_constitution", "read_recipe"]
