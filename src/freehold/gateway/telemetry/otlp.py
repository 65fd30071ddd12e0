"""Spans and metrics as OTLP's protobuf messages. The only file that knows the library."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Protocol

from freehold import __version__
from freehold.errors import MissingExtraError
from freehold.gateway.telemetry import names
from freehold.gateway.telemetry.measures import Labels, Tally
from freehold.gateway.telemetry.names import Measure, Name
from freehold.gateway.telemetry.spans import Span, Value

if TYPE_CHECKING:
    from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope, KeyValue
    from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
    from opentelemetry.proto.resource.v1.resource_pb2 import Resource
    from opentelemetry.proto.trace.v1.trace_pb2 import Span as WireSpan

CONTENT_TYPE: Final = "application/x-protobuf"
TRACES_PATH: Final = "/v1/traces"
METRICS_PATH: Final = "/v1/metrics"
_SAMPLED: Final = 1
PAIRS_MAX: Final = 4096  # attributes that are said again and again, kept as they are written
# Numbers of the standard's own fields, which never change.
_SPAN_ATTRIBUTES: Final = 9
_SCOPE_SPANS_SPANS: Final = 2
_RESOURCE_SPANS_SCOPES: Final = 2
_REQUEST_RESOURCES: Final = 1
_ALWAYS_NEW: Final = frozenset({
    names.RECEIPT, names.RESPONSE_ID, names.INPUT_MESSAGES, names.OUTPUT_MESSAGES, names.SYSTEM_INSTRUCTIONS,
})  # fmt: skip
_NUMBERS: Final = frozenset({"whole", "number"})


class Encoder(Protocol):
    """What the exporter needs of a library."""

    def span(self, span: Span) -> bytes: ...
    def traces(self, spans: Sequence[bytes]) -> bytes: ...
    def metrics(
        self, tallies: Mapping[tuple[Measure, Labels], Tally], start_ns: int, now_ns: int
    ) -> bytes: ...


class Protobuf:
    """Encodes with opentelemetry-proto; the extra `otel` brings it."""

    def __init__(self, service_name: str, instance: str) -> None:
        try:
            from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2
            from opentelemetry.proto.collector.trace.v1 import trace_service_pb2
            from opentelemetry.proto.common.v1 import common_pb2
            from opentelemetry.proto.metrics.v1 import metrics_pb2
            from opentelemetry.proto.resource.v1 import resource_pb2
            from opentelemetry.proto.trace.v1 import trace_pb2
        except ImportError as error:
            raise MissingExtraError("otel", "[otel] endpoint") from error
        self._common, self._trace, self._metrics = common_pb2, trace_pb2, metrics_pb2
        self._resources = resource_pb2
        self._trace_service, self._metrics_service = trace_service_pb2, metrics_service_pb2
        self._pair = lru_cache(PAIRS_MAX)(self._written)
        self._about = {
            "service.name": service_name, "service.version": __version__, "service.instance.id": instance,
        }  # fmt: skip

    def span(self, span: Span) -> bytes:
        """One span by itself, so that nobody waits long for us between two of them."""
        wire = self._trace.Span
        code = self._trace.Status.STATUS_CODE_ERROR if span.error else self._trace.Status.STATUS_CODE_UNSET
        made: WireSpan = wire(
            trace_id=bytes.fromhex(span.trace), span_id=bytes.fromhex(span.id),
            parent_span_id=bytes.fromhex(span.parent), trace_state=span.state, flags=_SAMPLED, name=span.name,
            kind=wire.SPAN_KIND_SERVER if span.kind == "server" else wire.SPAN_KIND_CLIENT,
            start_time_unix_nano=span.start_ns, end_time_unix_nano=span.end_ns,
            status=self._trace.Status(code=code, message=span.error),
        )  # fmt: skip
        pairs = (
            self._written(name, value)
            if name in _ALWAYS_NEW or name.kind in _NUMBERS
            else self._pair(name, value)
            for name, value in span.attributes.items()
        )
        return b"".join((made.SerializeToString(), *(_field(_SPAN_ATTRIBUTES, pair) for pair in pairs)))

    def traces(self, spans: Sequence[bytes]) -> bytes:
        """Spans are messages already: what holds them is written around them."""
        head = self._trace.ScopeSpans(scope=self._scope(), schema_url=names.SCHEMA_URL).SerializeToString()
        scope_spans = b"".join((head, *(_field(_SCOPE_SPANS_SPANS, one) for one in spans)))
        resource = self._trace.ResourceSpans(resource=self._resource()).SerializeToString()
        resource_spans = resource + _field(_RESOURCE_SPANS_SCOPES, scope_spans)
        return _field(_REQUEST_RESOURCES, resource_spans)

    def metrics(self, tallies: Mapping[tuple[Measure, Labels], Tally], start_ns: int, now_ns: int) -> bytes:
        by_measure: dict[Measure, list[tuple[Labels, Tally]]] = {}
        for (measure, labels), tally in tallies.items():
            by_measure.setdefault(measure, []).append((labels, tally))
        scope_metrics = self._metrics.ScopeMetrics(
            scope=self._scope(), schema_url=names.SCHEMA_URL,
            metrics=[self._metric(one, rows, start_ns, now_ns) for one, rows in by_measure.items()],
        )  # fmt: skip
        resource_metrics = self._metrics.ResourceMetrics(
            resource=self._resource(), scope_metrics=[scope_metrics]
        )
        request = self._metrics_service.ExportMetricsServiceRequest(resource_metrics=[resource_metrics])
        encoded: bytes = request.SerializeToString()
        return encoded

    def _metric(
        self, measure: Measure, rows: list[tuple[Labels, Tally]], start_ns: int, now_ns: int
    ) -> Metric:
        metrics = self._metrics
        cumulative = metrics.AGGREGATION_TEMPORALITY_CUMULATIVE
        named = {"name": measure.name, "unit": measure.unit, "description": measure.about}
        if not measure.bounds:
            points = [
                metrics.NumberDataPoint(
                    attributes=self._attributes(labels), start_time_unix_nano=start_ns,
                    time_unix_nano=now_ns, as_double=tally.total,
                )
                for labels, tally in rows
            ]  # fmt: skip
            total = metrics.Sum(data_points=points, aggregation_temporality=cumulative, is_monotonic=True)
            counted: Metric = metrics.Metric(sum=total, **named)
            return counted
        spread = [
            metrics.HistogramDataPoint(
                attributes=self._attributes(labels), start_time_unix_nano=start_ns, time_unix_nano=now_ns,
                count=tally.count, sum=tally.total, bucket_counts=tally.counts,
                explicit_bounds=measure.bounds,
            )
            for labels, tally in rows
        ]  # fmt: skip
        histogram = metrics.Histogram(data_points=spread, aggregation_temporality=cumulative)
        spread_out: Metric = metrics.Metric(histogram=histogram, **named)
        return spread_out

    def _resource(self) -> Resource:
        pairs = [
            self._common.KeyValue(key=key, value=self._common.AnyValue(string_value=value))
            for key, value in self._about.items()
        ]
        return self._resources.Resource(attributes=pairs)

    def _scope(self) -> InstrumentationScope:
        return self._common.InstrumentationScope(name=names.SCOPE, version=__version__)

    def _written(self, name: Name, value: Value) -> bytes:
        encoded: bytes = self._attribute(name, value).SerializeToString()
        return encoded

    def _attributes(self, pairs: Iterable[tuple[Name, Value]]) -> list[KeyValue]:
        return [self._attribute(name, value) for name, value in pairs]

    def _attribute(self, name: Name, value: Value) -> KeyValue:
        """The type on the wire is the one that the table of names says."""
        common = self._common
        match name.kind:
            case "text":
                any_value = common.AnyValue(string_value=str(value))
            case "whole":
                any_value = common.AnyValue(int_value=int(value))  # type: ignore[arg-type]  # by the table
            case "number":
                any_value = common.AnyValue(double_value=float(value))  # type: ignore[arg-type]  # so too
            case "truth":
                any_value = common.AnyValue(bool_value=bool(value))
            case "texts":
                texts = [common.AnyValue(string_value=one) for one in value]  # type: ignore[union-attr]
                any_value = common.AnyValue(array_value=common.ArrayValue(values=texts))
        made: KeyValue = common.KeyValue(key=name.name, value=any_value)
        return made


def _field(number: int, message: bytes) -> bytes:
    """A message inside a message: its number, how long it is, and its bytes."""
    length, size = bytearray(), len(message)
    while size > 0x7F:
        length.append(size & 0x7F | 0x80)
        size >>= 7
    length.append(size)
    return b"%c%b%b" % (number << 3 | 2, bytes(length), message)
