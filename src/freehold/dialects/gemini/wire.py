"""What is on the wire in generateContent: an error.

Structs read their annotations at run time, so this file stays interpreted where the rest is compiled.
"""

from __future__ import annotations

import msgspec


class _Detail(msgspec.Struct):
    retryDelay: str | None = None
    reason: str | None = None


class Error(msgspec.Struct):
    code: int | None = None
    message: str | None = None
    status: str | None = None
    details: list[_Detail] | None = None


class _Body(msgspec.Struct):
    error: Error | None = None


decode_error = msgspec.json.Decoder(_Body).decode


decode_errors = msgspec.json.Decoder(list[_Body]).decode
