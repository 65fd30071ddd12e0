"""The estate: everything you can run on, everything that stands under it, and what that means.

Knows homes, services, the catalog and the fault tree they make; must not know how a model is talked to, where
evidence is kept or how a plan is solved. Pure functions over values, but for reading the catalog's files.

Start with `model.py` (the value), `build.py` (from settings), `graph.py` (the AND/OR graph), then `blast.py`
and `cuts.py`, which everything else is made of.
"""
