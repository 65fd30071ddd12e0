"""Which home holds what a vendor stored: a response, a container, a file. Calls that name it go there."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from freehold.types.names import HomeId

PINS_MAX: Final = 200_000


class Pins:
    """The latest ids seen, oldest forgotten first."""

    def __init__(self) -> None:
        self._homes: OrderedDict[str, HomeId] = OrderedDict()

    def pin(self, id: str, home: HomeId) -> None:
        self._homes[id] = home
        self._homes.move_to_end(id)
        if len(self._homes) > PINS_MAX:
            self._homes.popitem(last=False)

    def home_of(self, id: str) -> HomeId | None:
        return self._homes.get(id)
