"""Placement as arrays: `problem.py` is the model, `solve.py` the way through it.

master (relaxation and bound, by column generation) -> rounding and dive (first whole placements) -> search
(large neighbourhoods). `replan.py` repairs after a loss. `highs.py` is the only file that knows the solver
underneath. Nothing here knows of models, chips or policies.
"""
