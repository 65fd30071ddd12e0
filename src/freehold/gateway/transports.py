"""How each api of a home is reached: where it is by default, and what a call to it must carry.

One row per api. Paths and bodies are the dialect's; addresses and credentials are here. A home may name its
own `url`; a caller never names one.
"""

from __future__ import annotations

from typing import Final, Literal
from urllib.parse import urlsplit

import msgspec

from freehold.errors import InputError, nearest
from freehold.types.homes import Home

Auth = Literal["none", "bearer", "x-api-key", "api-key", "x-goog-api-key", "sigv4", "google", "entra"]


class Transport(msgspec.Struct, frozen=True, kw_only=True):
    """`url` may hold {region}, {project}, {resource}: options of the home, and its region."""

    dialect: str  # the native dialect; same on the caller's side means bytes may pass through
    url: str  # "" where only the home can say
    key: Auth  # how a plain key is sent
    identity: Auth = "none"  # what signs where the home has no key of its own
    signing_name: str = ""  # SigV4's service
    scope: str = ""  # an identity token's audience
    headers: dict[str, str] = {}
    extra: str = ""  # what to install for `identity`
    forwards: tuple[str, ...] = ()  # the caller's headers that mean something to the home


_ANTHROPIC = {"anthropic-version": "2023-06-01"}
_FORWARDS = ("anthropic-version", "anthropic-beta")
_GOOGLE_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_AZURE_SCOPE = "https://cognitiveservices.azure.com/.default"
_FOUNDRY_SCOPE = "https://ai.azure.com/.default"
_BEDROCK = "https://bedrock-runtime.{region}.amazonaws.com"
_VERTEX = "https://{vertex_host}"
_AZURE = "https://{resource}.openai.azure.com"

TRANSPORTS: dict[str, Transport] = {
    "anthropic": Transport(
        dialect="anthropic", url="https://api.anthropic.com", key="x-api-key", headers=_ANTHROPIC,
        forwards=_FORWARDS,
    ),
    "bedrock-converse": Transport(
        dialect="bedrock", url=_BEDROCK, key="bearer", identity="sigv4", signing_name="bedrock", extra="aws"
    ),
    "bedrock-invoke": Transport(
        dialect="bedrock-invoke", url=_BEDROCK, key="bearer", identity="sigv4", signing_name="bedrock",
        extra="aws",
    ),
    "bedrock-messages": Transport(
        dialect="anthropic", url="https://bedrock-mantle.{region}.api.aws", key="bearer", identity="sigv4",
        signing_name="bedrock-mantle", extra="aws", headers=_ANTHROPIC, forwards=_FORWARDS,
    ),
    "claude-platform-aws": Transport(
        dialect="anthropic", url="https://aws-external-anthropic.{region}.api.aws", key="x-api-key",
        identity="sigv4", signing_name="aws-external-anthropic", extra="aws", headers=_ANTHROPIC,
        forwards=_FORWARDS,
    ),
    "vertex-claude": Transport(
        dialect="vertex-claude", url=_VERTEX, key="bearer", identity="google", scope=_GOOGLE_SCOPE,
        extra="gcp", forwards=("anthropic-beta",),
    ),
    "claude-gcp": Transport(
        dialect="anthropic", url="https://claude.googleapis.com", key="bearer", identity="google",
        scope=_GOOGLE_SCOPE, extra="gcp", headers=_ANTHROPIC, forwards=_FORWARDS,
    ),
    "foundry-anthropic": Transport(
        dialect="anthropic", url="https://{resource}.services.ai.azure.com", key="x-api-key",
        identity="entra", scope=_FOUNDRY_SCOPE, extra="azure", headers=_ANTHROPIC, forwards=_FORWARDS,
    ),
    "openai": Transport(dialect="openai", url="https://api.openai.com", key="bearer"),
    "openai-compatible": Transport(dialect="openai", url="", key="bearer"),
    "vertex-openai": Transport(
        dialect="openai", url=_VERTEX, key="bearer", identity="google", scope=_GOOGLE_SCOPE, extra="gcp"
    ),
    "responses": Transport(dialect="responses", url="https://api.openai.com", key="bearer"),
    "azure-openai": Transport(
        dialect="openai", url=_AZURE, key="api-key", identity="entra", scope=_AZURE_SCOPE, extra="azure"
    ),
    "azure-openai-v1": Transport(
        dialect="openai", url=_AZURE, key="api-key", identity="entra", scope=_AZURE_SCOPE, extra="azure"
    ),
    "azure-responses": Transport(
        dialect="responses", url=_AZURE, key="api-key", identity="entra", scope=_AZURE_SCOPE, extra="azure"
    ),
    "gemini": Transport(
        dialect="gemini", url="https://generativelanguage.googleapis.com", key="x-goog-api-key"
    ),
    "vertex-gemini": Transport(
        dialect="gemini", url=_VERTEX, key="bearer", identity="google", scope=_GOOGLE_SCOPE, extra="gcp"
    ),
}  # fmt: skip

# Other names in use for the same thing, in the estate's catalog and in people's heads.
ALIASES: Final = {
    "bedrock": "bedrock-converse", "bedrock-mantle": "bedrock-messages",
    "claude-on-aws": "claude-platform-aws",
    "vertex": "vertex-claude", "vertex-rawpredict": "vertex-claude", "claude-on-google": "claude-gcp",
    "foundry-claude": "foundry-anthropic", "foundry": "foundry-anthropic",
    "azure-openai-classic": "azure-openai", "azure": "azure-openai-v1", "openai-responses": "responses",
    "gemini-api": "gemini", "vllm": "openai-compatible", "sglang": "openai-compatible",
    "nim": "openai-compatible", "ollama": "openai-compatible", "llama.cpp": "openai-compatible",
    "llamacpp": "openai-compatible", "self-hosted": "openai-compatible",
}  # fmt: skip


# What the SDKs' base URLs end with and our paths begin with: people write base URLs as the SDKs take them.
_IN_BASE_URLS: Final = {
    "foundry-anthropic": ("/anthropic",), "bedrock-messages": ("/anthropic",), "azure-openai": ("/openai",),
    "azure-openai-v1": ("/openai/v1", "/openai"), "azure-responses": ("/openai/v1", "/openai"),
}  # fmt: skip


def api_of(name: str) -> str:
    """The row that a home's `api` means."""
    api = ALIASES.get(name, name)
    if api not in TRANSPORTS:
        known = [*TRANSPORTS, *ALIASES]
        close = nearest(name, known)
        raise InputError(
            f"there is no api {name!r}",
            why=f"apis are {', '.join(TRANSPORTS)}" + (f"; the closest is {close!r}" if close else ""),
            fix="name one of them as the home's api",
            code="gateway.unknown-api",
        )
    return api


class Reach(msgspec.Struct, frozen=True, kw_only=True):
    """Where a home listens."""

    secure: bool
    host: str
    port: int
    prefix: str  # of every path

    @property
    def authority(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.secure else 80) else f"{host}:{self.port}"


def reach(home: Home, api: str) -> Reach:
    """The home's address, its own or the api's. Freehold opens connections to these and to nothing else."""
    row = TRANSPORTS[api]
    url = home.url or _filled(home, row.url)
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    prefix = parts.path.rstrip("/")
    for end in _IN_BASE_URLS.get(api, ("/v1",) if row.dialect in ("openai", "responses") else ()):
        if prefix.endswith(end):
            prefix = prefix[: -len(end)]
            break
    return Reach(
        secure=secure, host=parts.hostname or "", port=parts.port or (443 if secure else 80), prefix=prefix
    )


def _filled(home: Home, template: str) -> str:
    values = {"region": home.region or "", "vertex_host": _vertex_host(home), **home.options}
    wanted = [name for name in ("region", "resource", "vertex_host") if f"{{{name}}}" in template]
    missing = [name for name in wanted if not values.get(name)]
    if not template or missing:
        raise InputError(
            f"home {home.id!r} has no address",
            why=f"its api {home.api!r} needs {', '.join(missing) or 'a url'}",
            fix="set url, or " + " and ".join(f"options.{name}" for name in missing or ["url"]),
            code="gateway.no-address",
        )
    return template.format(**values)


def _vertex_host(home: Home) -> str:
    location = home.options.get("location") or home.region or ""
    if location == "global":
        return "aiplatform.googleapis.com"
    if location in ("us", "eu"):
        return f"aiplatform.{location}.rep.googleapis.com"
    return f"{location}-aiplatform.googleapis.com" if location else ""


def key_header(auth: Auth, key: str) -> tuple[str, str]:
    if auth in ("bearer", "google", "entra"):
        return "authorization", f"Bearer {key}"
    return auth, key
