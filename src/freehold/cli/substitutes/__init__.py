"""How good is another home as a stand-in? Asked of both, answered with intervals, written into the estate.

Knows: the capability table, the two homes, the prompts of a file. Must not know: what a good answer is; it
says how far the two agree. Start with `ask` (both homes), then `compare` (pure), `needs` (what the stand-in
cannot do) and `edit` (a line of freehold.toml, and nothing else of it).
"""
