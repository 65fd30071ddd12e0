import sys

import pytest

from freehold.errors import MissingExtraError
from freehold.gateway.telemetry.otlp import Protobuf


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

    from freehold.gateway.telemetry.spans import Span

    span = Span("1" * 32, "2" * 16, "", "chat m", "client", 1, 2, {}, error)
    status = WireSpan.FromString(Protobuf("freehold", "here").span(span)).status
    assert (status.code == status.STATUS_CODE_ERROR, status.message) == (bool(error), error)
