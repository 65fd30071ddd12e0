from freehold.gateway.telemetry import names
from freehold.gateway.telemetry.spans import ATTEMPTS_MAX, WAITING_MAX, Gathering, Span, spans_of
from freehold.types.names import HomeId, RecordId, WorkloadId
from freehold.types.records import AttemptRecord, CallRecord, HomeFacts, Tokens, Took

MS = 1_000_000
A = HomeFacts(home=HomeId("a"), vendor="aws", api="bedrock-converse", model="m")
B = HomeFacts(home=HomeId("b"), vendor="self", api="openai-compatible", model="m")


def call(**more: object) -> CallRecord:
    known: dict[str, object] = {
        "id": RecordId("call"), "time_ns": 1000 * MS, "workload": WorkloadId("chat"), "actual": A,
        "outcome": "ok", "status": 200, "took": Took(total_us=500_000, first_content_us=400_000),
        "tokens": Tokens(fresh=10, cache_read=5, cache_write=1, output=7),
    }  # fmt: skip
    return CallRecord(**(known | more))  # type: ignore[arg-type]


def failed(number: int = 1, **more: object) -> AttemptRecord:
    known: dict[str, object] = {
        "id": RecordId(f"attempt{number}"), "time_ns": 700 * MS, "call": RecordId("call"), "number": number,
        "actual": B, "outcome": "failed", "error": "gateway.attempt-rate-limited", "status": 429,
        "took": Took(total_us=200_000),
    }  # fmt: skip
    return AttemptRecord(**(known | more))  # type: ignore[arg-type]


def spans(*records: AttemptRecord | CallRecord) -> tuple[Span, ...]:
    gathering = Gathering()
    whole = None
    for record in records:
        whole = gathering.take(record)
    assert whole is not None
    return spans_of(whole, 1.0)


def test_call_is_a_span_with_a_child_for_each_attempt() -> None:
    top, first, second = spans(failed(), call(attempts=2, rescued=True))
    assert (top.kind, first.kind, second.kind) == ("server", "client", "client")
    assert first.parent == second.parent == top.id != ""
    assert len({top.id, first.id, second.id}) == 3
    assert {top.trace, first.trace, second.trace} == {top.trace}


def test_last_attempt_begins_where_the_failed_one_ended() -> None:
    top, first, second = spans(failed(), call(attempts=2))
    assert (top.start_ns, top.end_ns) == (500 * MS, 1000 * MS)
    assert (first.start_ns, first.end_ns, first.error) == (500 * MS, 700 * MS, "rate-limited")
    assert (second.start_ns, second.end_ns, second.error) == (700 * MS, 1000 * MS, "")


def test_attempt_that_answered_is_told_as_it_was_recorded() -> None:
    answering = failed(2, outcome="ok", error=None, actual=A, time_ns=1000 * MS, took=Took(total_us=250_000))
    top, _, second = spans(failed(), answering, call(attempts=2))
    assert (second.start_ns, second.error) == (750 * MS, "")
    assert second.attributes[names.INPUT_TOKENS] == 16
    assert top.start_ns == 500 * MS


def test_model_is_asked_for_by_our_name_and_answers_by_its_own() -> None:
    told = HomeFacts(home=HomeId("a"), vendor="aws", api="bedrock-converse", model="m-2026-01-01")
    _, only = spans(call(planned=A, actual=told, actual_known="reported"))
    assert only.attributes[names.REQUEST_MODEL] == "m"
    assert only.attributes[names.RESPONSE_MODEL] == "m-2026-01-01"
    assert only.name == "chat m"


def test_record_of_an_attempt_that_had_only_begun_is_no_span() -> None:
    assert len(spans(failed(1, begun=True, outcome=None, error=None), call())) == 2


def test_tokens_are_told_once_by_the_home_that_answered() -> None:
    top, first, second = spans(failed(), call(attempts=2))
    assert second.attributes[names.INPUT_TOKENS] == 16
    assert second.attributes[names.PROVIDER] == "aws.bedrock"
    assert first.attributes[names.PROVIDER] == "self"
    assert names.INPUT_TOKENS not in top.attributes | first.attributes


def test_call_that_no_home_answered_has_its_failed_attempts_alone() -> None:
    top, only = spans(failed(), call(outcome="failed", error="gateway.all-failed", actual=B, attempts=1))
    assert (top.error, only.error) == ("gateway.all-failed", "rate-limited")


def test_call_that_was_denied_has_no_child() -> None:
    (top,) = spans(call(outcome="denied", error="gateway.full", actual=None, attempts=0, workload=None))
    assert (top.name, top.error) == ("chat refused", "gateway.full")


def test_refusal_is_an_answer() -> None:
    top, only = spans(call(outcome="refused"))
    assert (top.error, only.error) == ("", "")


def test_callers_trace_is_gone_on_with() -> None:
    header = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    top, only = spans(call(trace=header))
    assert (top.trace, top.parent) == (header[3:35], header[36:52])
    assert only.trace == top.trace


def test_trace_that_is_not_sampled_has_no_spans() -> None:
    whole = Gathering().take(call())
    assert whole is not None
    assert spans_of(whole, 0.0) == ()


def test_first_chunk_is_told_of_streams_alone() -> None:
    assert names.TIME_TO_FIRST_CHUNK not in spans(call())[1].attributes
    assert spans(call(stream=True))[1].attributes[names.TIME_TO_FIRST_CHUNK] == 0.4


def test_attempts_whose_call_never_comes_are_let_go() -> None:
    gathering = Gathering()
    for number in range(WAITING_MAX + 3):
        gathering.take(failed(call=RecordId(f"call{number}")))
    assert gathering.dropped == 3


def test_one_call_keeps_so_many_attempts_and_no_more() -> None:
    gathering = Gathering()
    for number in range(ATTEMPTS_MAX + 2):
        gathering.take(failed(number))
    assert gathering.dropped == 2
