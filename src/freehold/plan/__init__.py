"""Where work goes, what a unit of it costs there, and how good that answer is.

`perf/` predicts (model, chips, kind of work) -> tokens a second with an interval; `prices.py` judges price
lists; `build.py` turns estate, policies and predictions into a problem; `solver/` solves it with a bound;
`make.py` ties them together; `explain.py`, `diff.py`, `conflict.py`, `report.py` and `export/` are ways of
looking at the
result.

It knows the estate and its catalog. It does not know gateways, engines or training: records, recipes and
samplers are handed in. Start with `make.py`; `solver/problem.py` is the model in mathematics.
"""
