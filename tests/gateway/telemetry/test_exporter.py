from freehold.clock import FakeClock
from freehold.gateway.telemetry import names
from freehold.gateway.telemetry.exporter import SPANS_WAITING_MAX, Exporter, Sent
from freehold.gateway.telemetry.otlp import Protobuf
from freehold.gateway.telemetry.settings import Telemetry
from tests.gateway.telemetry.receiver import Receiver, attributes, receiving, wrong
from tests.gateway.telemetry.test_spans import call, failed


def exporter(place: Receiver, **more: object) -> Exporter:
    telemetry = Telemetry(endpoint=place.url, headers={"authorization": "Bearer s3cret"}, **more)  # type: ignore[arg-type]
    return Exporter(telemetry, Protobuf("freehold", "here"), FakeClock())


async def test_collector_is_told_spans_and_metrics_in_the_names_and_types_of_the_table() -> None:
    async with receiving() as place:
        one = exporter(place)
        for record in (failed(), call(attempts=2, rescued=True, stream=True, finish="stop")):
            one.offer(record)
        await one.take()
        await one.flush()
    assert [span.name for span in place.spans] == ["chat chat", "chat m", "chat m"]
    assert wrong(place.spans) == []
    assert set(place.metrics) <= set(names.MEASURES)
    for metric in place.metrics.values():
        points = metric.histogram.data_points if metric.HasField("histogram") else metric.sum.data_points
        assert wrong(points) == []
        assert metric.unit == names.MEASURES[metric.name].unit


async def test_histogram_says_its_bounds_and_counts() -> None:
    async with receiving() as place:
        one = exporter(place)
        one.offer(call())
        await one.take()
        await one.flush()
    metric = place.metrics["gen_ai.client.operation.duration"]
    (point,) = metric.histogram.data_points
    assert list(point.explicit_bounds) == list(names.OPERATION_DURATION.bounds)
    assert (sum(point.bucket_counts), point.count, point.sum) == (1, 1, 0.5)
    assert attributes(point)["gen_ai.provider.name"] == "aws.bedrock"


async def test_schema_service_and_secret_headers_are_sent() -> None:
    async with receiving() as place:
        one = exporter(place)
        one.offer(call())
        await one.take()
        await one.flush()
    scope = place.traces[0].resource_spans[0].scope_spans[0]
    assert scope.schema_url == names.SCHEMA_URL
    assert attributes(place.traces[0].resource_spans[0].resource)["service.name"] == "freehold"
    assert place.headers[0]["authorization"] == "Bearer s3cret"
    assert "s3cret" not in repr(Telemetry(endpoint="http://x", headers={"authorization": "s3cret"}))


async def test_queue_that_is_full_drops_and_counts() -> None:
    async with receiving() as place:
        one = exporter(place, queue_max=100)
        for _ in range(130):
            one.offer(call())
        assert one.dropped == 30
        await one.take()
        await one.flush()
        assert len(place.spans) == 200
        assert place.metrics["freehold.telemetry.dropped"].sum.data_points[0].as_double == 30


async def test_collector_that_is_away_gets_the_spans_when_it_is_back() -> None:
    async with receiving(503) as place:
        one = exporter(place)
        one.offer(call())
        await one.take()
        await one.flush()
        assert (place.spans, one.dropped) == ([], 0)
        place.status = 200
        await one.flush()
    assert (len(place.spans), one.sent, one.dropped) == (2, 2, 0)


async def test_collector_that_refuses_a_batch_is_not_sent_it_again() -> None:
    said: list[str] = []
    async with receiving(400) as place:
        telemetry = Telemetry(endpoint=place.url)
        one = Exporter(telemetry, Protobuf("freehold", "here"), FakeClock(), say=said.append)
        one.offer(call())
        await one.take()
        await one.flush()
        place.status = 200
        await one.flush()
    assert (place.spans, one.dropped) == ([], 2)
    assert [words.partition(place.url)[2] for words in said] == [" status 400", " takes it again"]


async def test_spans_that_wait_are_bounded() -> None:
    sent: list[str] = []

    async def away(path: str, body: bytes) -> Sent:
        sent.append(path)
        return "later"

    telemetry = Telemetry(endpoint="http://127.0.0.1:9", queue_max=1_000_000)
    one = Exporter(telemetry, Protobuf("freehold", "here"), FakeClock(), send=away)
    for _ in range(SPANS_WAITING_MAX // 2 + 10):
        one.offer(call())
    await one.take()
    await one.flush()
    assert (one.dropped, sent) == (20, ["/v1/traces", "/v1/metrics"])


async def test_close_sends_what_is_left() -> None:
    import asyncio

    async with receiving() as place:
        one = exporter(place, interval_s=1000.0)
        one.start()
        one.offer(call())
        await asyncio.to_thread(one.close)
    assert len(place.spans) == 2
