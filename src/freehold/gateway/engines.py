"""What self-hosted engines say of their load on `/metrics`: vLLM and SGLang, read from Prometheus' text."""

from __future__ import annotations

import math
import re
from typing import Final

from freehold.gateway.amounts import Engine

TEXT_BYTES_MAX: Final = 4 * 1024 * 1024
# Name of the gauge -> what it is here. Newer and older names of vLLM's cache gauge are both in use.
_NAMES: Final = {
    "vllm:num_requests_running": "running", "vllm:num_requests_waiting": "waiting",
    "vllm:kv_cache_usage_perc": "kv_used", "vllm:gpu_cache_usage_perc": "kv_used",
    "sglang:num_running_reqs": "running", "sglang:num_queue_reqs": "waiting", "sglang:token_usage": "kv_used",
}  # fmt: skip
_LINE: Final = re.compile(
    r"^((?:vllm|sglang):[a-z_]+)(?:\{[^}\n]*\})?[ \t]+([0-9.eE+-]+)(?:[ \t]+-?[0-9]+)?[ \t]*$", re.MULTILINE
)


def engine_of(text: str, before: Engine | None) -> Engine | None:
    """The engine's load, all of its models and ranks together; None where the page has no such gauges."""
    counts = {"running": 0.0, "waiting": 0.0}
    kv_used: float | None = None
    found = False
    for line in _LINE.finditer(text[:TEXT_BYTES_MAX]):
        what = _NAMES.get(line[1])
        value = _number(line[2])
        if what is None or value is None:
            continue
        found = True
        if what == "kv_used":
            kv_used = max(kv_used or 0.0, min(value, 1.0))
        else:
            counts[what] += value
    if not found:
        return None
    return Engine(
        running=int(counts["running"]), waiting=int(counts["waiting"]), kv_used=kv_used,
        waiting_before=before.waiting if before is not None else 0,
    )  # fmt: skip


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) and 0 <= value < 1e9 else None
