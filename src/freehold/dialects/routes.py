"""Every native path: which dialect it belongs to, what it asks, and what it names itself.

One table of patterns, tried in order; `{model}` takes escaped characters, and is unescaped for the codec.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import parse_qsl, unquote

import msgspec

from freehold.dialects.base import Inbound, Operation
from freehold.types.names import DialectName

TARGET_BYTES_MAX = 8192


class Path(msgspec.Struct, frozen=True):
    """One row: method, pattern, and what it means."""

    method: str
    pattern: str
    dialect: DialectName
    operation: Operation
    surface: str
    stream: bool | None = None


_PROJECT = "/{version}/projects/{project}/locations/{location}"
_VERTEX = _PROJECT + "/publishers"
_EXPRESS = "/{version}/publishers/google/models/{model}"  # Vertex with a key instead of a project
PATHS: tuple[Path, ...] = (
    Path("POST", "/v1/chat/completions", "openai", "generate", "chat"),
    Path("POST", "/chat/completions", "openai", "generate", "chat"),
    Path("POST", "/v1/embeddings", "openai", "embed", "embeddings"),
    Path("POST", "/embeddings", "openai", "embed", "embeddings"),
    Path("GET", "/v1/models", "openai", "models", "models"),
    Path("GET", "/v1/models/{model}", "openai", "models", "model"),
    Path("GET", "/models", "openai", "models", "models"),
    Path("POST", "/v1/responses", "responses", "generate", "responses"),
    Path("POST", "/responses", "responses", "generate", "responses"),
    Path("GET", "/v1/responses", "responses", "websocket", "responses"),
    Path("POST", "/v1/responses/input_tokens", "responses", "count", "input_tokens"),
    Path("*", "/v1/responses/{id}{rest...}", "responses", "stored", "responses"),
    Path("*", "/v1/conversations{rest...}", "responses", "stored", "conversations"),
    Path("GET", "/v1/realtime{rest...}", "openai", "websocket", "realtime"),
    Path("*", "/v1/chat/completions/{id}{rest...}", "openai", "stored", "chat"),
    Path("POST", "/v1/messages", "anthropic", "generate", "messages"),
    Path("POST", "/v1/messages/count_tokens", "anthropic", "count", "messages"),
    Path("*", "/v1/messages/batches{rest...}", "anthropic", "batch", "messages"),
    Path("POST", "/anthropic/v1/messages", "anthropic", "generate", "foundry"),
    Path("POST", "/anthropic/v1/messages/count_tokens", "anthropic", "count", "foundry"),
    Path("*", "/anthropic/v1/messages/batches{rest...}", "anthropic", "batch", "foundry"),
    Path("GET", "/anthropic/v1/models", "anthropic", "models", "foundry"),
    Path("*", "/anthropic/v1/files{rest...}", "anthropic", "files", "foundry"),
    Path("*", "/v1/batches{rest...}", "openai", "batch", "batches"),
    Path("*", "/v1/files{rest...}", "openai", "files", "files"),
    Path("*", "/v1/uploads{rest...}", "openai", "files", "uploads"),
    Path("POST", "/model/{model}/converse", "bedrock", "generate", "converse", False),
    Path("POST", "/model/{model}/converse-stream", "bedrock", "generate", "converse", True),
    Path("POST", "/model/{model}/invoke", "bedrock", "generate", "invoke", False),
    Path("POST", "/model/{model}/invoke-with-response-stream", "bedrock", "generate", "invoke", True),
    Path("POST", "/model/{model}/count-tokens", "bedrock", "count", "count-tokens"),
    Path("*", "/async-invoke{rest...}", "bedrock", "batch", "async-invoke"),
    Path("*", "/model/{model}/invoke-with-bidirectional-stream", "bedrock", "websocket", "bidirectional"),
    Path("POST", _VERTEX + "/anthropic/models/count-tokens:rawPredict", "anthropic", "count", "vertex"),
    Path("POST", _VERTEX + "/anthropic/models/{model}:rawPredict", "anthropic", "generate", "vertex"),
    Path("POST", _VERTEX + "/anthropic/models/{model}:streamRawPredict", "anthropic", "generate", "vertex"),
    Path("POST", _VERTEX + "/google/models/{model}:generateContent", "gemini", "generate", "vertex", False),
    Path("POST", _VERTEX + "/google/models/{model}:streamGenerateContent",
         "gemini", "generate", "vertex", True),
    Path("POST", _VERTEX + "/google/models/{model}:countTokens", "gemini", "count", "vertex"),
    Path("POST", _VERTEX + "/google/models/{model}:predict", "gemini", "embed", "vertex"),
    Path("POST", _VERTEX + "/google/models/{model}:embedContent", "gemini", "embed", "embedContent"),
    Path("GET", "/{version}/publishers/google/models", "gemini", "models", "vertex"),
    Path("POST", _EXPRESS + ":generateContent", "gemini", "generate", "vertex", False),
    Path("POST", _EXPRESS + ":streamGenerateContent", "gemini", "generate", "vertex", True),
    Path("POST", _EXPRESS + ":countTokens", "gemini", "count", "vertex"),
    Path("POST", _EXPRESS + ":predict", "gemini", "embed", "vertex"),
    Path("*", _PROJECT + "/batchPredictionJobs{rest...}",
         "gemini", "batch", "vertex"),
    Path("*", _PROJECT + "/cachedContents{rest...}",
         "gemini", "stored", "vertex"),
    Path("POST", _PROJECT + "/endpoints/openapi/chat/completions",
         "openai", "generate", "vertex"),
    Path("POST", _PROJECT + "/workspaces/{workspace}/invoke/v1/messages",
         "anthropic", "generate", "claude-gcp"),
    Path("POST", "/{version}/models/{model}:generateContent", "gemini", "generate", "generateContent", False),
    Path("POST", "/{version}/models/{model}:streamGenerateContent",
         "gemini", "generate", "generateContent", True),
    Path("POST", "/{version}/models/{model}:countTokens", "gemini", "count", "generateContent"),
    Path("POST", "/{version}/models/{model}:embedContent", "gemini", "embed", "embedContent"),
    Path("POST", "/{version}/models/{model}:batchEmbedContents", "gemini", "embed", "batchEmbedContents"),
    Path("POST", "/{version}/models/{model}:batchGenerateContent", "gemini", "batch", "generateContent"),
    Path("GET", "/v1beta/models", "gemini", "models", "models"),
    Path("GET", "/v1beta/models/{model}", "gemini", "models", "model"),
    Path("*", "/v1beta/cachedContents{rest...}", "gemini", "stored", "cachedContents"),
    Path("*", "/v1beta/files{rest...}", "gemini", "files", "files"),
    Path("*", "/upload/v1beta/files{rest...}", "gemini", "files", "upload"),
    Path("*", "/v1beta/batches{rest...}", "gemini", "batch", "batches"),
    Path("GET", "/ws{rest...}", "gemini", "websocket", "live"),
    Path("POST", "/openai/deployments/{model}/chat/completions", "openai", "generate", "azure"),
    Path("POST", "/openai/deployments/{model}/embeddings", "openai", "embed", "azure"),
    Path("POST", "/openai/v1/chat/completions", "openai", "generate", "azure-v1"),
    Path("POST", "/openai/v1/embeddings", "openai", "embed", "azure-v1"),
    Path("GET", "/openai/v1/models", "openai", "models", "azure-v1"),
    Path("GET", "/openai/models", "openai", "models", "azure"),
    Path("POST", "/openai/v1/responses", "responses", "generate", "azure-v1"),
    Path("POST", "/openai/v1/responses/input_tokens", "responses", "count", "azure-v1"),
    Path("*", "/openai/v1/responses/{id}{rest...}", "responses", "stored", "azure-v1"),
    Path("POST", "/openai/responses", "responses", "generate", "azure"),
    Path("*", "/openai/responses/{id}{rest...}", "responses", "stored", "azure"),
    Path("*", "/openai/v1/batches{rest...}", "openai", "batch", "azure-v1"),
    Path("*", "/openai/batches{rest...}", "openai", "batch", "azure"),
    Path("*", "/openai/v1/files{rest...}", "openai", "files", "azure-v1"),
    Path("*", "/openai/files{rest...}", "openai", "files", "azure"),
    Path("GET", "/openai/realtime{rest...}", "openai", "websocket", "azure"),
    Path("GET", "/openai/v1/realtime{rest...}", "openai", "websocket", "azure-v1"),
)  # fmt: skip

_TAKES = {"model": r"(?P<model>[^/?]+?)", "version": "v1(?:beta1?|alpha)?", "rest...": "(?:[/:].*)?"}


def _compile(pattern: str) -> re.Pattern[str]:
    made = re.sub(
        r"\\\{([a-z.\\]+)\\\}",
        lambda found: _TAKES.get(found[1].replace("\\", ""), "[^/?]+"),
        re.escape(pattern),
    )
    return re.compile(made)


_EXACT: dict[str, dict[str, Path]] = {}
_PATTERNS: list[tuple[Path, re.Pattern[str]]] = []
for _path in PATHS:
    if "{" in _path.pattern:
        _PATTERNS.append((_path, _compile(_path.pattern)))
    else:
        _EXACT.setdefault(_path.pattern, {})[_path.method] = _path


def route(method: str, target: str, headers: Mapping[str, str] | None = None) -> Inbound | None:
    """What a request asks for, or None if no dialect has such a path. `headers` have small names."""
    path, _, query = target.partition("?")
    headers = headers or {}
    exact = _EXACT.get(path)
    if exact is not None and (row := exact.get(method)) is not None:
        return _inbound(row, None, query, headers)
    if len(target) > TARGET_BYTES_MAX:
        return None
    for row, pattern in _PATTERNS:
        if row.method in (method, "*") and (found := pattern.fullmatch(path)) is not None:
            model = found.groupdict().get("model")
            return _inbound(row, unquote(model) if model else None, query, headers)
    return None


def _inbound(row: Path, model: str | None, query: str, headers: Mapping[str, str]) -> Inbound:
    dialect, operation, surface = row.dialect, row.operation, row.surface
    if dialect == "gemini" and row.stream and "alt=sse" not in query:
        surface = "array"  # a stream without alt=sse is one growing JSON array
    version = headers.get("anthropic-version")
    if row.surface in ("models", "model") and version is not None and dialect == "openai":
        dialect = "anthropic"  # one path, two vendors: only Anthropic's SDK names its version
    if row.surface in ("models", "model") and "x-goog-api-key" in headers:
        dialect = "gemini"
    if row.surface == "files" and version is not None and dialect == "openai":
        dialect = "anthropic"
    if row.surface == "invoke" and "embed" in (model or ""):
        operation = "embed"  # InvokeModel serves every kind of model
    if headers.get("upgrade", "").lower() == "websocket":
        operation = "websocket"
    if version is None and "api-version" in query:
        version = dict(parse_qsl(query)).get("api-version")
    betas = tuple(beta.strip() for beta in headers.get("anthropic-beta", "").split(",") if beta.strip())
    return Inbound(
        dialect=dialect, operation=operation, surface=surface, model=model, stream=row.stream,
        api_version=version, betas=betas,
    )  # fmt: skip
