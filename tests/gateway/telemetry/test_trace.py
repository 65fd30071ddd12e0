import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.clock import ulid
from freehold.gateway.head import scan
from freehold.gateway.telemetry.trace import Taking, Tracing, caught, is_sampled, read, span_of, trace_of

HEADER = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
ID = "01K9XWS1Q8V4K3D2N5T7B6C0AZ"


def test_traceparent_is_read() -> None:
    found = read(HEADER)
    assert found is not None
    assert (found.trace, found.parent, found.sampled) == (
        "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", True
    )  # fmt: skip


@pytest.mark.parametrize(
    "value",
    [
        b"", b"00", HEADER.upper(), b"ff" + HEADER[2:], HEADER + b"-more", HEADER.replace(b"-01", b"-zz"),
        b"00-" + b"0" * 32 + b"-b7ad6b7169203331-01", HEADER[:36] + b"0" * 16 + b"-01",
    ],
)  # fmt: skip
def test_traceparent_that_is_out_of_order_is_none(value: bytes) -> None:
    assert read(value) is None


def test_later_version_is_read_as_far_as_it_is_known() -> None:
    found = read(b"01" + HEADER[2:] + b"-more")
    assert found is not None
    assert found.header == HEADER.decode()


@given(st.binary(max_size=80))
def test_any_bytes_are_read_or_refused(value: bytes) -> None:
    found = read(value)
    assert found is None or read(found.header.encode()) == found


def _head(*lines: bytes):  # type: ignore[no-untyped-def]
    data = b"POST /v1/messages HTTP/1.1\r\nhost: a\r\n" + b"".join(b"%b\r\n" % line for line in lines)
    return scan(data + b"\r\n", len(data) - 2)


def test_two_traceparents_are_none() -> None:
    assert caught(_head(b"traceparent: " + HEADER)) is not None
    assert caught(_head(b"traceparent: " + HEADER, b"traceparent: " + HEADER)) is None


def test_state_goes_on_with_the_trace_and_only_if_it_is_short() -> None:
    short = caught(_head(b"traceparent: " + HEADER, b"tracestate: a=1"))
    long = caught(_head(b"traceparent: " + HEADER, b"tracestate: " + b"x" * 600))
    assert short is not None and long is not None
    assert short.onward()["tracestate"] == "a=1"
    assert long.onward() == {"traceparent": HEADER.decode()}


def test_each_attempt_is_sent_its_own_span_of_the_callers_trace() -> None:
    taking = Tracing(1.0).begin(read(HEADER), ID)
    sent = [taking.onward()["traceparent"] for _ in range(2)]
    assert sent == [f"00-0af7651916cd43dd8448eb211c80319c-{span_of(ID, n)}-01" for n in (1, 2)]


def test_call_without_a_trace_gets_one_made_of_its_receipt() -> None:
    assert Taking(None, ID, 1.0).header is None
    assert trace_of(ID, None) == Taking(None, ID, 1.0).onward()["traceparent"].split("-")[1]


def test_callers_word_on_sampling_holds() -> None:
    not_sampled = read(HEADER[:-2] + b"00")
    assert is_sampled("1" * 32, read(HEADER), 0.0)
    assert not is_sampled("1" * 32, not_sampled, 1.0)
    assert Taking(not_sampled, ID, 1.0).onward()["traceparent"].endswith("-00")


def test_share_of_the_traces_is_sampled() -> None:
    traces = [trace_of(ulid(n * 10**6, n.to_bytes(10, "big")), None) for n in range(2000)]
    assert 400 < sum(is_sampled(one, None, 0.25) for one in traces) < 600
    assert not any(is_sampled(one, None, 0.0) for one in traces)
    assert all(is_sampled(one, None, 1.0) for one in traces)
