"""How models behave: what was measured, with intervals that hold, and the logs it is read from.

Knows: the folder of a training run (`runlog`) and the statistics of rates and judges (`stats`).
Must not know: how a run is made, what a gateway does with a verdict, how pages look.
Start with `runlog` (one documented format, its only reader), then `stats`.
"""

from freehold.watch.runlog import Evaluation, Happened, Header, Rate, RunLog
from freehold.watch.stats import Interval, Judge, clopper_pearson, confidence_sequence, corrected, wilson

__all__ = [
    "Evaluation",
    "Happened",
    "Header",
    "Interval",
    "Judge",
    "Rate",
    "RunLog",
    "clopper_pearson",
    "confidence_sequence",
    "corrected",
    "wilson",
]
