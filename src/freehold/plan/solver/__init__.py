"""Placement as arrays: `problem.py` is the model, `solve.py` the way through it.

master (relaxation and bound, by column generation) -> rounding and dive (first whole placements) -> search
(large neighbourhoods). `replan.py` repairs after a loss. `highs.py` is the only file that knows the solver
underneath. Nothing here knows of models, chips or policies.
"""

from freehold.errors import MissingExtraError

try:
    import highspy as _highspy  # noqa: F401  # asked for here, so that its absence is said in our words
    import numpy as _numpy  # noqa: F401
except ModuleNotFoundError as error:  # pragma: no cover - where the extra is not installed
    raise MissingExtraError("plan", "placing workloads") from error
