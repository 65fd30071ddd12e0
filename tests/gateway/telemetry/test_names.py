from opentelemetry.semconv._incubating.attributes import gen_ai_attributes
from opentelemetry.semconv._incubating.metrics import gen_ai_metrics

from freehold.gateway.telemetry import names
from freehold.gateway.transports import TRANSPORTS


def test_every_genai_attribute_is_one_of_the_conventions() -> None:
    known = {value for name, value in vars(gen_ai_attributes).items() if name.startswith("GEN_AI_")}
    assert {name for name in names.ATTRIBUTES if name.startswith("gen_ai.")} <= known


def test_every_genai_metric_is_one_of_the_conventions() -> None:
    known = {value for value in vars(gen_ai_metrics).values() if isinstance(value, str)}
    assert {name for name in names.MEASURES if name.startswith("gen_ai.")} <= known


def test_providers_are_those_of_the_conventions() -> None:
    known = {one.value for one in gen_ai_attributes.GenAiProviderNameValues}
    assert set(names.PROVIDERS.values()) <= known


def test_every_transport_but_the_compatible_one_has_a_provider() -> None:
    assert set(TRANSPORTS) - set(names.PROVIDERS) == {"openai-compatible"}


def test_bounds_of_every_measure_rise() -> None:
    for one in names.MEASURES.values():
        assert list(one.bounds) == sorted(set(one.bounds))
