"""Write tests/vectors/dialects/: what the vendors' SDKs send, feature by feature, and what homes answer.

    python scripts/dialect_vectors.py

The requests are recorded from the SDKs themselves over loopback; the answers are written out by hand in
tests/dialects/homes.py. Running it again leaves a clean diff.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.dialects import homes, sdks  # noqa: E402 - after the path is known

OUT = ROOT / "tests" / "vectors" / "dialects"
# Headers that say something of the protocol; the others name versions, dates and machines.
KEPT = ("anthropic-version", "anthropic-beta", "x-api-key", "api-key", "x-goog-api-key")
NOT_SAID = {("responses", "stop sequence")}  # the API has no such parameter


def slug(name: str) -> str:
    return name.replace(" ", "-")


def recorded() -> dict[str, bytes]:
    """File name -> bytes."""
    made: dict[str, bytes] = {}
    for form in homes.FORMS:
        for feature in sdks.FEATURES:
            _, kind, body = homes.answer(form, feature)
            end = {homes.SSE: "sse", homes.EVENTS: "eventstream"}.get(kind, "json")
            made[f"answers/{form}/{slug(feature)}.{end}"] = body
    with sdks.wire() as wire:
        for surface, ask in sdks.ASK.items():
            for feature in sdks.FEATURES:
                if (surface, feature) not in NOT_SAID:
                    made[f"requests/{slug(surface)}/{slug(feature)}.http"] = one(wire, ask, feature)
    return made


def one(wire: sdks.Wire, ask: sdks.Ask, feature: str) -> bytes:
    wire.reply = (400, "application/json", b"{}")
    ask(wire.url, feature)
    sent = wire.sent
    assert sent is not None
    lines = [f"{sent.method} {sent.target}", *(f"{name}: {sent.headers[name]}" for name in KEPT
                                              if name in sent.headers)]  # fmt: skip
    return "\n".join(lines).encode() + b"\n\n" + sent.body


if __name__ == "__main__":
    for name, body in recorded().items():
        path = OUT / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
