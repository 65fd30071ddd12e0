from __future__ import annotations

import pytest

from freehold.dialects import codec_for, route

VERTEX = "/v1/projects/p/locations/us-east5/publishers"
# target -> dialect, operation, surface, model, stream
GENERATE = {
    "/v1/chat/completions": ("openai", "chat", None, None),
    "/openai/deployments/a%20b/chat/completions?api-version=2024-10-21": ("openai", "azure", "a b", None),
    "/openai/v1/chat/completions": ("openai", "azure-v1", None, None),
    "/v1/projects/p/locations/global/endpoints/openapi/chat/completions": ("openai", "vertex", None, None),
    "/v1/responses": ("responses", "responses", None, None),
    "/openai/v1/responses": ("responses", "azure-v1", None, None),
    "/v1/messages": ("anthropic", "messages", None, None),
    "/anthropic/v1/messages": ("anthropic", "foundry", None, None),
    f"{VERTEX}/anthropic/models/claude-x@2026:rawPredict": ("anthropic", "vertex", "claude-x@2026", None),
    f"{VERTEX}/anthropic/models/claude-x:streamRawPredict": ("anthropic", "vertex", "claude-x", None),
    "/model/us.anthropic.claude-v1%3A0/converse": ("bedrock", "converse", "us.anthropic.claude-v1:0", False),
    "/model/m:0/converse-stream": ("bedrock", "converse", "m:0", True),
    "/model/arn%3Aaws%3Abedrock%3Ax%2Fy/invoke": ("bedrock", "invoke", "arn:aws:bedrock:x/y", False),
    "/model/m/invoke-with-response-stream": ("bedrock", "invoke", "m", True),
    f"{VERTEX}/google/models/gemini-x:generateContent": ("gemini", "vertex", "gemini-x", False),
    f"{VERTEX}/google/models/gemini-x:streamGenerateContent?alt=sse": ("gemini", "vertex", "gemini-x", True),
    "/v1beta1/publishers/google/models/gemini-x:generateContent": ("gemini", "vertex", "gemini-x", False),
    "/v1beta/models/gemini-x:generateContent": ("gemini", "generateContent", "gemini-x", False),
    "/v1/models/gemini-x:streamGenerateContent?alt=sse": ("gemini", "generateContent", "gemini-x", True),
}  # fmt: skip
OTHERS = {
    ("POST", "/v1/embeddings"): ("openai", "embed"),
    ("POST", "/openai/deployments/d/embeddings"): ("openai", "embed"),
    ("POST", "/v1beta/models/m:embedContent"): ("gemini", "embed"),
    ("POST", "/v1beta/models/m:batchEmbedContents"): ("gemini", "embed"),
    ("POST", f"{VERTEX}/google/models/m:predict"): ("gemini", "embed"),
    ("POST", "/model/amazon.titan-embed-text-v2%3A0/invoke"): ("bedrock", "embed"),
    ("POST", "/v1/messages/count_tokens"): ("anthropic", "count"),
    ("POST", f"{VERTEX}/anthropic/models/count-tokens:rawPredict"): ("anthropic", "count"),
    ("POST", "/v1beta/models/m:countTokens"): ("gemini", "count"),
    ("POST", "/model/m/count-tokens"): ("bedrock", "count"),
    ("POST", "/v1/responses/input_tokens"): ("responses", "count"),
    ("GET", "/v1/models"): ("openai", "models"),
    ("GET", "/v1beta/models"): ("gemini", "models"),
    ("GET", "/v1/responses/resp_1"): ("responses", "stored"),
    ("DELETE", "/openai/v1/responses/resp_1"): ("responses", "stored"),
    ("POST", "/v1/responses/resp_1/cancel"): ("responses", "stored"),
    ("GET", "/v1/conversations/conv_1"): ("responses", "stored"),
    ("POST", "/v1/batches"): ("openai", "batch"),
    ("GET", "/v1/messages/batches/b_1"): ("anthropic", "batch"),
    ("POST", "/v1/files"): ("openai", "files"),
    ("POST", "/upload/v1beta/files"): ("gemini", "files"),
    ("GET", "/v1/realtime?model=x"): ("openai", "websocket"),
    ("GET", "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"): (
        "gemini", "websocket"),
}  # fmt: skip


@pytest.mark.parametrize("path", GENERATE)
def test_native_path_of_a_call_is_recognised(path: str) -> None:
    inbound = route("POST", path)
    assert inbound is not None
    assert inbound.operation == "generate"
    assert (inbound.dialect, inbound.surface, inbound.model, inbound.stream) == GENERATE[path]


@pytest.mark.parametrize(("method", "path"), OTHERS)
def test_path_beside_generation_is_typed(method: str, path: str) -> None:
    inbound = route(method, path)
    assert inbound is not None
    assert (inbound.dialect, inbound.operation) == OTHERS[method, path]


@pytest.mark.parametrize(
    "path",
    ["/", "/v1", "/v1/chat", "/v2/messages", "/model//converse", "/model/a/b/converse", "/v1/messagesx"],
)
def test_other_path_is_nobodys(path: str) -> None:
    assert route("POST", path) is None


def test_method_is_part_of_the_path() -> None:
    assert route("GET", "/v1/messages") is None
    assert route("PUT", "/v1/chat/completions") is None


@pytest.mark.parametrize(
    ("headers", "dialect"),
    [({}, "openai"), ({"anthropic-version": "2023-06-01"}, "anthropic"), ({"x-goog-api-key": "k"}, "gemini")],
)
def test_shared_path_of_models_goes_to_whose_headers_they_are(headers: dict[str, str], dialect: str) -> None:
    inbound = route("GET", "/v1/models", headers)
    assert inbound is not None
    assert inbound.dialect == dialect


def test_api_version_and_betas_are_read_from_the_headers() -> None:
    inbound = route("POST", "/v1/messages", {"anthropic-version": "2026-10-21", "anthropic-beta": "a, b"})
    assert inbound is not None
    assert (inbound.api_version, inbound.betas) == ("2026-10-21", ("a", "b"))


def test_upgrade_is_a_websocket() -> None:
    inbound = route("GET", "/v1/responses", {"upgrade": "websocket"})
    assert inbound is not None
    assert inbound.operation == "websocket"


@pytest.mark.parametrize(("path", "form"), [
    ("/model/m/invoke", "bedrock-invoke"), ("/model/m/converse", "bedrock"),
    (f"{VERTEX}/anthropic/models/m:rawPredict", "vertex-claude"), ("/v1/messages", "anthropic"),
])  # fmt: skip
def test_path_finds_the_codec_of_its_form(path: str, form: str) -> None:
    inbound = route("POST", path)
    assert inbound is not None
    assert codec_for(inbound).form == form
