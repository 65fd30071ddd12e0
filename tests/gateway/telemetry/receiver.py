"""A collector for tests: takes OTLP over HTTP, decodes it with the standard's own messages, checks names."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterable
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from freehold import wire
from freehold.gateway.telemetry import names

FIELDS = {
    "text": "string_value", "whole": "int_value", "number": "double_value", "truth": "bool_value",
    "texts": "array_value",
}  # fmt: skip


class Receiver:
    def __init__(self, status: int = 200) -> None:
        self.status = status
        self.traces: list[ExportTraceServiceRequest] = []
        self.measured: list[ExportMetricsServiceRequest] = []
        self.headers: list[dict[str, str]] = []
        self.url = ""

    async def handle(self, request: wire.Request) -> wire.Reply:
        self.headers.append(request.headers)
        if self.status == 200:
            kind: Any = (
                ExportTraceServiceRequest if request.path == "/v1/traces" else ExportMetricsServiceRequest
            )
            kept: list[Any] = self.traces if request.path == "/v1/traces" else self.measured
            kept.append(kind.FromString(request.body))
        return wire.Reply(status=self.status, body=b"")

    @property
    def spans(self) -> list[Span]:
        return [
            span
            for one in self.traces
            for resource in one.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    @property
    def metrics(self) -> dict[str, Any]:
        """Each metric as it was told last."""
        return {
            metric.name: metric
            for one in self.measured
            for resource in one.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }


def attributes(message: Any) -> dict[str, Any]:
    found = {}
    for pair in message.attributes:
        field = pair.value.WhichOneof("value")
        value = getattr(pair.value, field)
        found[pair.key] = [one.string_value for one in value.values] if field == "array_value" else value
    return found


def wrong(messages: Iterable[Any]) -> list[str]:
    """Attributes that the table of names does not have, or whose type on the wire is another."""
    found = []
    for message in messages:
        for pair in message.attributes:
            known = names.ATTRIBUTES.get(pair.key)
            if known is None or FIELDS[known.kind] != pair.value.WhichOneof("value"):
                found.append(pair.key)
    return found


@contextlib.asynccontextmanager
async def receiving(status: int = 200) -> AsyncIterator[Receiver]:
    made = Receiver(status)
    server = await wire.serve(made.handle, "127.0.0.1", 0)
    made.url = f"http://127.0.0.1:{wire.port_of(server)}"
    try:
        yield made
    finally:
        server.close()
