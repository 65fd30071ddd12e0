"""Every OpenTelemetry name the gateway uses, in one table of one version.

The `gen_ai.*` names are those of OpenTelemetry's semantic conventions in the version below, where all of them
are still in development; names under `freehold.*` are ours. Moving to a later version is a change of this
file: the exporter takes every name, type, unit and boundary from here.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

SEMCONV_VERSION: Final = "1.44.0"
SCHEMA_URL: Final = f"https://opentelemetry.io/schemas/{SEMCONV_VERSION}"
SCOPE: Final = "freehold.gateway"

Kind = Literal["text", "number", "whole", "truth", "texts"]


class Name(NamedTuple):
    """An attribute: what it is called, and the type of its value."""

    name: str
    kind: Kind


OPERATION: Final = Name("gen_ai.operation.name", "text")
PROVIDER: Final = Name("gen_ai.provider.name", "text")
REQUEST_MODEL: Final = Name("gen_ai.request.model", "text")
REQUEST_STREAM: Final = Name("gen_ai.request.stream", "truth")
RESPONSE_ID: Final = Name("gen_ai.response.id", "text")
RESPONSE_MODEL: Final = Name("gen_ai.response.model", "text")
FINISH_REASONS: Final = Name("gen_ai.response.finish_reasons", "texts")
TIME_TO_FIRST_CHUNK: Final = Name("gen_ai.response.time_to_first_chunk", "number")
INPUT_TOKENS: Final = Name("gen_ai.usage.input_tokens", "whole")
OUTPUT_TOKENS: Final = Name("gen_ai.usage.output_tokens", "whole")
CACHE_READ_TOKENS: Final = Name("gen_ai.usage.cache_read.input_tokens", "whole")
CACHE_WRITE_TOKENS: Final = Name("gen_ai.usage.cache_creation.input_tokens", "whole")
REASONING_TOKENS: Final = Name("gen_ai.usage.reasoning.output_tokens", "whole")
TOKEN_TYPE: Final = Name("gen_ai.token.type", "text")
INPUT_MESSAGES: Final = Name("gen_ai.input.messages", "text")
OUTPUT_MESSAGES: Final = Name("gen_ai.output.messages", "text")
SYSTEM_INSTRUCTIONS: Final = Name("gen_ai.system_instructions", "text")
ERROR_TYPE: Final = Name("error.type", "text")
STATUS_CODE: Final = Name("http.response.status_code", "whole")

RECEIPT: Final = Name("freehold.receipt", "text")
WORKLOAD: Final = Name("freehold.workload", "text")
POLICY: Final = Name("freehold.policy", "text")
KEY: Final = Name("freehold.key", "text")
OUTCOME: Final = Name("freehold.outcome", "text")
ATTEMPTS: Final = Name("freehold.attempts", "whole")
ATTEMPT: Final = Name("freehold.failover.attempt", "whole")
RESCUED: Final = Name("freehold.rescued", "truth")
JOINED: Final = Name("freehold.joined", "text")
HEDGE: Final = Name("freehold.hedge", "truth")
WHY_HOME: Final = Name("freehold.why_home", "text")
COST: Final = Name("freehold.cost.nano_usd", "whole")
HOME: Final = Name("freehold.home", "text")
OPERATOR: Final = Name("freehold.home.operator", "text")
REGION: Final = Name("freehold.home.region", "text")
SILICON: Final = Name("freehold.home.silicon", "text")
TIER: Final = Name("freehold.evidence_tier", "text")
DIALECT: Final = Name("freehold.dialect", "text")

ATTRIBUTES: Final[dict[str, Name]] = {
    one.name: one for one in list(globals().values()) if isinstance(one, Name)
}

OPERATION_DEFAULT: Final = "chat"  # what a record that names no operation was

# A row of the transports table -> gen_ai.provider.name. A vendor that is no row is named by itself.
PROVIDERS: Final[dict[str, str]] = {
    "anthropic": "anthropic", "claude-platform-aws": "anthropic", "claude-gcp": "anthropic",
    "bedrock-converse": "aws.bedrock", "bedrock-invoke": "aws.bedrock", "bedrock-messages": "aws.bedrock",
    "vertex-claude": "gcp.vertex_ai", "vertex-openai": "gcp.vertex_ai", "vertex-gemini": "gcp.vertex_ai",
    "gemini": "gcp.gemini",
    "foundry-anthropic": "azure.ai.inference",
    "azure-openai": "azure.ai.openai", "azure-openai-v1": "azure.ai.openai",
    "azure-responses": "azure.ai.openai",
    "openai": "openai", "responses": "openai",
}  # fmt: skip


class Measure(NamedTuple):
    """A metric: its name, its unit, and the upper bounds of its buckets; none of them: a counter."""

    name: str
    unit: str
    about: str
    bounds: tuple[float, ...] = ()


_SECONDS: Final = tuple(0.01 * 2**n for n in range(14))  # 10 ms to 81.92 s
_CHUNK_SECONDS: Final = (
    0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
)  # fmt: skip
_TOKENS: Final = tuple(float(4**n) for n in range(14))  # 1 to 67,108,864

TOKEN_USAGE: Final = Measure("gen_ai.client.token.usage", "{token}", "Tokens as the home said.", _TOKENS)
OPERATION_DURATION: Final = Measure(
    "gen_ai.client.operation.duration", "s", "One attempt at one home.", _SECONDS
)
FIRST_CHUNK: Final = Measure(
    "gen_ai.client.operation.time_to_first_chunk", "s",
    "From asking a home to its first content, in streams.", _CHUNK_SECONDS,
)  # fmt: skip
REQUEST_DURATION: Final = Measure(
    "gen_ai.server.request.duration", "s", "One call, whatever it took to answer it.", _SECONDS
)
FIRST_TOKEN: Final = Measure(
    "gen_ai.server.time_to_first_token", "s", "From a call's beginning to its first content, in streams.",
    _CHUNK_SECONDS,
)  # fmt: skip
CALL_COST: Final = Measure("freehold.call.cost", "{USD}", "What calls cost at their homes' stated prices.")
CALLS_RESCUED: Final = Measure("freehold.call.rescued", "{call}", "Calls that a further home answered.")
DROPPED: Final = Measure(
    "freehold.telemetry.dropped", "{record}", "Records and spans that found no room, or no collector."
)

MEASURES: Final[dict[str, Measure]] = {
    one.name: one for one in list(globals().values()) if isinstance(one, Measure)
}
