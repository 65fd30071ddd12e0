"""A drill for real: pocket homes as processes, a gateway over them, a load, and homes taken away as it says.

Knows: the paper drill's moments, the stand-ins, what callers saw and what the records say. Must not know: any
cloud; nothing here leaves this machine. Start with `play` (the whole of it), then `street` (the processes)
and `report` (paper beside life, pure). `homes` and `gateway` are what the processes run.
"""
