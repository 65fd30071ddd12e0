"""Freehold: run AI on anyone's chips, belong to none of them, prove what happened.

Every call and every job runs on a home, chosen under a policy, and leaves evidence in one ledger.

The folder listing is the architecture (see ARCHITECTURE.md): core files here, then one package per room.
Arrows between rooms only point down, and `cli` is the only place that wires them together.
"""

__version__ = "0.1.0"
