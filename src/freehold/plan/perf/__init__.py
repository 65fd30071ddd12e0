"""What a unit of work costs on a chip: does it fit, how fast is it, how sure is that.

Start with `predict.py`. `shape.py` is a model as numbers, `chip.py` silicon as numbers, `memory.py` what
fits, `physics.py` how long a token takes, `constants.py` what was fitted to published measurements,
`evidence.py`
the user's own. It knows nothing of homes, prices or policies.
"""
