"""Fitting a request to a home before the hop, from the capability table alone.

What the home cannot do is adapted (and noted), or the home is left out, or the request is refused; its
meaning is never changed without a note. Start with `fit`; each other file is the rules for one part of a
conversation.
"""

from freehold.dialects.fitting.fit import fit
from freehold.dialects.fitting.verdict import Fit, LeaveOut, Refuse

__all__ = ["Fit", "LeaveOut", "Refuse", "fit"]
