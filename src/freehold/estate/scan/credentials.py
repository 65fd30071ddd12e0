"""Things that look like live keys. They are reported with their place and never shown."""

from __future__ import annotations

import re
from collections.abc import Iterator

from freehold.estate.scan.report import Credential

_SHAPES: tuple[tuple[str, re.Pattern[bytes]], ...] = tuple(
    (kind, re.compile(pattern))
    for kind, pattern in (
        ("Anthropic key", rb"sk-ant-[A-Za-z0-9_-]{20,200}"),
        ("OpenRouter key", rb"sk-or-v1-[A-Za-z0-9]{20,200}"),
        ("OpenAI key", rb"sk-(?:proj-|svcacct-)?(?!ant-|or-)[A-Za-z0-9_-]{20,200}"),
        ("AWS access key", rb"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"),
        ("Google key", rb"\bAIza[A-Za-z0-9_-]{35}\b"),
        ("Groq key", rb"\bgsk_[A-Za-z0-9]{20,200}"),
        ("xAI key", rb"\bxai-[A-Za-z0-9]{20,200}"),
        ("Hugging Face token", rb"\bhf_[A-Za-z0-9]{20,200}"),
        ("private key", rb"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    )
)
_HINTS = (b"sk-", b"AKIA", b"ASIA", b"AIza", b"gsk_", b"xai-", b"hf_", b"PRIVATE KEY")


def _hinted(data: bytes) -> bool:
    return any(hint in data for hint in _HINTS)


def find(path: str, data: bytes) -> Iterator[Credential]:
    if not _hinted(data):
        return
    taken: set[int] = set()
    for kind, shape in _SHAPES:
        for match in shape.finditer(data):
            if match.start() in taken:
                continue
            taken.add(match.start())
            line = data.count(b"\n", 0, match.start()) + 1
            head = match[0][:4].decode("latin-1")
            yield Credential(
                file=path, line=line, kind=kind, masked=f"{head}... ({len(match[0])} characters)"
            )


def mask(text: str) -> str:
    """The text with everything that has the shape of a key left out."""
    data = text.encode("utf-8", "surrogateescape")
    if not _hinted(data):
        return text
    for _, shape in _SHAPES:
        data = shape.sub(b"***", data)
    return data.decode("utf-8", "surrogateescape")
