from freehold.clock import FakeClock
from freehold.gateway.telemetry import Tracing, Watched, names
from freehold.gateway.telemetry.exporter import Exporter
from freehold.gateway.telemetry.otlp import Protobuf
from freehold.gateway.telemetry.settings import Telemetry
from freehold.gateway.telemetry.trace import span_of
from freehold.pocket import FaultRule
from freehold.types.records import AnyRecord
from tests.gateway.running import Kept, ask, street
from tests.gateway.telemetry.receiver import attributes, receiving, wrong

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SENT = {"traceparent": f"00-{TRACE}-{PARENT}-01", "tracestate": "vendor=1"}


class Both(Kept):
    """Keeps records, and shows them to an exporter as the gateway's recorder does."""

    def __init__(self, exporter: Exporter) -> None:
        super().__init__()
        self._watched = Watched(Kept(), exporter.offer)

    def record(self, entry: AnyRecord) -> None:
        super().record(entry)
        self._watched.record(entry)


async def test_ledger_keeps_its_own_face() -> None:
    seen: list[AnyRecord] = []
    kept = Kept()
    watched = Watched(kept, seen.append)
    async with street(("openai",), kept=watched) as place:  # type: ignore[arg-type]
        await place.post(ask())
    assert watched.calls == kept.calls == seen


async def test_rescued_call_is_one_trace_from_the_caller_to_both_homes() -> None:
    faults = {0: {"it": FaultRule(fault="unavailable")}}
    async with receiving() as place:
        exporter = Exporter(Telemetry(endpoint=place.url), Protobuf("freehold", "x"), FakeClock())
        kept = Both(exporter)
        async with street(("openai", "anthropic"), faults=faults, kept=kept, tracing=Tracing(1.0)) as town:
            got = await town.post(ask(stream=True), headers=SENT)
            logged = [home.log.entries[-1].headers for home in town.homes]
        await exporter.take()
        await exporter.flush()
    receipt = got.headers["x-freehold-receipt"]
    top, first, second = place.spans
    assert wrong(place.spans) == []
    assert (top.trace_id.hex(), top.parent_span_id.hex()) == (TRACE, PARENT)
    assert attributes(top)[names.RECEIPT.name] == receipt
    for number, (span, headers) in enumerate(zip((first, second), logged, strict=True), start=1):
        assert span.span_id.hex() == span_of(receipt, number)
        assert headers["traceparent"] == f"00-{TRACE}-{span.span_id.hex()}-01"
        assert headers["tracestate"] == "vendor=1"


async def test_callers_trace_passes_unchanged_where_no_telemetry_is_sent() -> None:
    async with street(("openai", "anthropic")) as town:
        for model in ("chat", "chat"):
            await town.post(ask(model=model), headers=SENT)
        await town.post(ask())
        first, _, last = (entry.headers for entry in town.homes[0].log.entries)
    assert {name: first[name] for name in SENT} == SENT
    assert "traceparent" not in last
    assert [call.trace for call in town.kept.calls] == [SENT["traceparent"]] * 2 + [None]


async def test_embeddings_say_what_they_are() -> None:
    async with street(("openai",)) as town:
        await town.post({"model": "chat", "input": "to be"}, "/v1/embeddings")
    assert town.kept.calls[0].operation == "embeddings"


async def test_nothing_that_was_said_is_in_what_is_sent() -> None:
    async with receiving() as place:
        exporter = Exporter(Telemetry(endpoint=place.url), Protobuf("freehold", "x"), FakeClock())
        async with street(("openai",), kept=Both(exporter)) as town:
            await town.post(ask('[pocket fixed text="the-answer"] the-question'))
        await exporter.take()
        await exporter.flush()
    told = b"".join(one.SerializeToString() for one in (*place.traces, *place.measured))
    assert len(place.spans) == 2
    assert b"the-answer" not in told
    assert b"the-question" not in told
