"""The file of callers' keys that the key commands and the gateway share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from freehold.cli.up import state_folder

if TYPE_CHECKING:
    from freehold.gateway.keys import KeyFile


def key_file() -> KeyFile:
    from freehold.gateway.keys import KeyFile

    return KeyFile(state_folder() / "keys.db")
