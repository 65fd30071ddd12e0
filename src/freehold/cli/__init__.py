"""The command line: one file per command, and the only place that wires rooms together.

It knows every room and hands each what it needs from another as an object (see types/contracts.py).
It must not hold logic of its own: a command reads options, builds objects, calls a room and prints.
Nothing heavy is imported until a command is chosen; `freehold --help` reads `main`, `lazy` and `table` only.

Start reading at `table`, then the file of any command.
"""
