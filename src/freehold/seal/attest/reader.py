"""Bytes read front to back. Every read names what it wanted, so that a truncated file says where it ends."""

from __future__ import annotations

from typing import Literal

from freehold.seal.attest.malformed import malformed


class Reader:
    """A position in `data`; integers are little endian unless the format says otherwise."""

    __slots__ = ("at", "data", "order", "subject")

    def __init__(self, data: bytes, subject: str, order: Literal["little", "big"] = "little") -> None:
        self.data = data
        self.at = 0
        self.subject = subject
        self.order: Literal["little", "big"] = order

    @property
    def left(self) -> int:
        return len(self.data) - self.at

    def take(self, length: int, name: str) -> bytes:
        end = self.at + length
        if end > len(self.data):
            raise malformed(
                f"the {self.subject} ends inside {name}",
                why=f"{name} needs {length} bytes at offset {self.at}, and {self.left} are left",
            )
        piece = self.data[self.at : end]
        self.at = end
        return piece

    def number(self, length: int, name: str) -> int:
        return int.from_bytes(self.take(length, name), self.order)

    def rest(self) -> bytes:
        return self.take(self.left, "the rest")

    def finish(self) -> None:
        """Nothing may follow."""
        if self.left:
            raise malformed(
                f"the {self.subject} has {self.left} bytes too many", why="nothing may follow its end"
            )


def hexadecimal(text: object, name: str, length: int | None = None) -> bytes:
    """Strict hexadecimal text, of `length` bytes where one is given."""
    if not isinstance(text, str):
        raise malformed(f"{name} is not text", why=f"it is a {type(text).__name__}")
    try:
        data = bytes.fromhex(text)
    except ValueError as error:
        raise malformed(f"{name} is not hexadecimal") from error
    if len(text) != 2 * len(data) or (length is not None and len(data) != length):
        raise malformed(f"{name} has {len(data)} bytes", why=f"expected {length}, written without spaces")
    return data
