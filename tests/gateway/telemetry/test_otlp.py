import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.errors import MissingExtraError
from freehold.gateway.telemetry import names
from freehold.gateway.telemetry.otlp import Protobuf
from freehold.gateway.telemetry.spans import Span
from tests.gateway.telemetry.receiver import attributes, wrong


def test_missing_extra_is_named_with_its_install_line(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("opentelemetry.proto")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    with pytest.raises(MissingExtraError) as caught:
        Protobuf("freehold", "here")
    assert caught.value.fix == "pip install 'freehold[otel]'"


@pytest.mark.parametrize("error", ["", "gateway.all-failed"])
def test_span_is_an_error_only_where_something_failed(error: str) -> None:
    from opentelemetry.proto.trace.v1.trace_pb2 import Span as WireSpan

    span = Span("1" * 32, "2" * 16, "", "chat m", "client", 1, 2, {}, error)
    status = WireSpan.FromString(Protobuf("freehold", "here").span(span)).status
    assert (status.code == status.STATUS_CODE_ERROR, status.message) == (bool(error), error)


@given(st.lists(st.tuples(st.text(max_size=300), st.integers(-(2**63), 2**63 - 1)), max_size=5))
def test_spans_of_any_size_are_read_back_by_the_standards_own_library(found: list[tuple[str, int]]) -> None:
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    encoder = Protobuf("freehold", "here")
    spans = [
        Span("1" * 32, "2" * 16, "", name, "client", 1, 2, {names.RECEIPT: name, names.COST: cost}, "")
        for name, cost in found
    ]
    request = ExportTraceServiceRequest.FromString(encoder.traces([encoder.span(one) for one in spans]))
    (scope,) = request.resource_spans[0].scope_spans
    assert [one.name for one in scope.spans] == [name for name, _ in found]
    assert [attributes(one)["freehold.cost.nano_usd"] for one in scope.spans] == [cost for _, cost in found]
    assert wrong(scope.spans) == []
