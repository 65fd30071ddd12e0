from hypothesis import given
from hypothesis import strategies as st

from freehold.gateway.amounts import Engine
from freehold.gateway.engines import engine_of

VLLM = """# HELP vllm:num_requests_running Number of requests in model execution batches.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="m"} 7.0
vllm:num_requests_running{engine="1",model_name="m"} 5.0
vllm:num_requests_waiting{engine="0",model_name="m"} 2.0
vllm:kv_cache_usage_perc{engine="0",model_name="m"} 0.41
vllm:kv_cache_usage_perc{engine="1",model_name="m"} 0.63
vllm:prompt_tokens_total{model_name="m"} 9.9e+06
"""
SGLANG = """sglang:num_running_reqs{model_name="m"} 3
sglang:num_queue_reqs{model_name="m"} 0
sglang:token_usage{model_name="m"} 0.95
"""


def test_load_of_vllm_is_read_with_its_ranks_added() -> None:
    found = engine_of(VLLM, None)
    assert found == Engine(running=12, waiting=2, kv_used=0.63)


def test_load_of_sglang_is_read() -> None:
    found = engine_of(SGLANG, None)
    assert found is not None and (found.running, found.waiting, found.kv_used) == (3, 0, 0.95)
    assert found.tight


def test_one_look_at_a_queue_is_not_yet_one() -> None:
    once = engine_of(VLLM, None)
    twice = engine_of(VLLM, once)
    assert once is not None and not once.tight
    assert twice is not None and twice.tight


def test_page_of_something_else_says_nothing() -> None:
    assert engine_of("# TYPE go_goroutines gauge\ngo_goroutines 12\n", None) is None
    assert engine_of("vllm:num_requests_running nan\n", None) is None


@given(st.text(max_size=200))
def test_any_text_can_be_read(text: str) -> None:
    found = engine_of(f"vllm:num_requests_waiting {text}\n{text}", None)
    assert found is None or found.waiting >= 0
