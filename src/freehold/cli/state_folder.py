"""Where everything that is kept on this machine is: the ledger, the state, what runs."""

from __future__ import annotations

import os
from pathlib import Path


def state_folder() -> Path:
    return Path(os.environ.get("FREEHOLD_HOME", ".freehold"))
