"""What the gateway tells OpenTelemetry: one span per call with a child per attempt, and the GenAI metrics.

Knows: the records of calls, OTLP over HTTP, and what was said only where the settings want that told. Must
not know how calls are answered: it is fed after the call, in a thread, from a bounded queue that drops.
Start with `names` (the one versioned table of names), then `spans` and `measures` (pure), then `exporter`.
"""

from freehold.gateway.telemetry.recorder import Watched
from freehold.gateway.telemetry.settings import OtelSettings, Telemetry
from freehold.gateway.telemetry.trace import Tracing

__all__ = ["OtelSettings", "Telemetry", "Tracing", "Watched"]
