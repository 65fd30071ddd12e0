"""How many chips one rented machine holds, for engines that ask for machines."""

from __future__ import annotations

from typing import Final

CHIPS: Final = {
    "trainium1": 16,
    "trainium2": 16,
    "trainium3": 16,
    "inferentia2": 12,
    "tpu-v5e": 4,
    "tpu-v5p": 4,
    "tpu-v6e": 4,
    "tpu-v7": 4,
    "gb200": 4,  # a compute tray; the 72 of a rack are one link domain, not one machine
    "gb300": 4,
}
CHIPS_USUAL: Final = 8


def per_machine(silicon: str, chips: int) -> int:
    """Chips to ask of one machine, where `chips` are wanted in all."""
    return min(chips, CHIPS.get(silicon, CHIPS_USUAL))
