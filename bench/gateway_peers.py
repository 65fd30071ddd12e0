"""The gateways that bench/gateway.py compares: how each is started, called, and what it must be told."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from bench.gateway_built import INTERPRETED, PYTHON, variables

ROOT = Path(__file__).resolve().parent.parent
PEERS = Path(os.environ.get("FREEHOLD_BENCH_PEERS", ROOT / ".venv-peers")) / "bin"
NPM = Path(os.environ.get("FREEHOLD_BENCH_NPM", ROOT / ".npm-peers"))
KEY = "sk-bench-" + "0123456789abcdef" * 2


class Place(NamedTuple):
    """Where a contender is to listen, and where its homes are."""

    port: int
    admin: int
    openai: str  # address of the OpenAI home, without a path
    anthropic: str
    folder: Path
    authority: Path | None = None  # PEM of who signed the homes' certificates, where they speak TLS

    @property
    def words(self) -> dict[str, object]:
        """What templates may name."""
        host = self.openai.rpartition("/")[2]
        return {**self._asdict(), "home": host, "key": KEY}


class Gateway(NamedTuple):
    """One contender."""

    name: str
    command: Callable[[Place], list[str]]
    path: str = "/v1/chat/completions"
    model: str = "chat"
    translated: str = ""  # the model that an Anthropic home serves, where it can translate
    keyed: bool = False  # a Freehold key is made for it
    headers: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    prints_port: bool = False
    python: str = ""  # of a Freehold: whose it is
    direct: bool = False  # no gateway at all: the load speaks to the home


def _write(place: Place, name: str, text: str) -> str:
    path = place.folder / name
    path.write_text(text)
    return str(path)


NGINX = """\
worker_processes 1; daemon off; pid {folder}/nginx.pid; error_log {folder}/nginx.err;
events {{ worker_connections 8192; }}
http {{
  access_log off; client_body_buffer_size 128k; keepalive_requests 100000000;
  client_body_temp_path {folder}/n1; proxy_temp_path {folder}/n2; fastcgi_temp_path {folder}/n3;
  uwsgi_temp_path {folder}/n4; scgi_temp_path {folder}/n5;
  upstream home {{ server {home}; keepalive 256; keepalive_requests 100000000; }}
  server {{ listen 127.0.0.1:{port} backlog=4096; location / {{
    proxy_pass {scheme}://home; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off;
    {tls}
  }} }}
}}
"""
NGINX_TLS = (
    "proxy_ssl_trusted_certificate {authority}; proxy_ssl_verify on; proxy_ssl_name localhost; "
    "proxy_ssl_protocols TLSv1.3;"
)

HAPROXY = """\
global
  nbthread 1
  maxconn 8192
defaults
  mode http
  option http-no-delay
  timeout connect 5s
  timeout client 60s
  timeout server 60s
frontend in
  bind 127.0.0.1:{port}
  default_backend home
backend home
  http-reuse always
  server a {home} {tls}
"""
HAPROXY_TLS = "ssl verify required ca-file {authority} verifyhost localhost"

_MODEL = "[models.bench]\n"
_UP = """\
[homes.up]
vendor = "bench"
region = "here"
api = "openai-compatible"
model = "bench"
url = "{openai}"
price = {{ input_usd_per_mtok = 3.0, output_usd_per_mtok = 15.0 }}
"""
_SPARE = _UP.replace("homes.up", "homes.spare").replace("= 3.0", "= 4.0").replace("= 15.0", "= 20.0")
_ANTHROPIC = (
    _UP.replace("homes.up", "homes.anth")
    .replace("openai-compatible", "anthropic")
    .replace("{openai}", "{anthropic}")
    + 'credential = "env:BENCH_HOME_KEY"\n'
)
_POLICY = '[policies.all]\nregions = ["here"]\non_cut = "continue"\n'


def _workload(name: str, homes: str, policy: str = "") -> str:
    return f"[workloads.{name}]\nhomes = [{homes}]\n{policy}"


# Everything on: two homes, rules to hold, streams that can be continued.
FULL = (
    _MODEL + _UP + _SPARE + _ANTHROPIC + _POLICY
    + _workload("chat", '"up", "spare"', 'policy = "all"\n') + _workload("tr", '"anth"', 'policy = "all"\n')
)  # fmt: skip
# One home each, nothing asked of it.
BARE = _MODEL + _UP + _ANTHROPIC + _workload("chat", '"up"') + _workload("tr", '"anth"')

LITELLM = """\
general_settings: {{master_key: {key}}}
model_list:
  - model_name: chat
    litellm_params: {{model: openai/bench, api_base: "{openai}/v1", api_key: x}}
  - model_name: tr
    litellm_params: {{model: anthropic/bench, api_base: "{anthropic}", api_key: x}}
"""

MLFLOW = """\
endpoints:
  - name: chat
    endpoint_type: llm/v1/chat
    model:
      provider: openai
      name: bench
      config: {{openai_api_key: x, openai_api_base: "{openai}/v1"}}
"""

TENSORZERO = """\
[gateway]
observability.enabled = false
[models.bench]
routing = ["up"]
[models.bench.providers.up]
type = "openai"
api_base = "{openai}/v1/"
model_name = "bench"
api_key_location = "none"
[models.anth]
routing = ["up"]
[models.anth.providers.up]
type = "anthropic"
api_base = "{anthropic}/v1/"
model_name = "bench"
api_key_location = "env::ANTHROPIC_API_KEY"
"""

TENSORZERO_RUN = """\
import asyncio, sys
from tensorzero.tensorzero import _start_http_gateway
async def main():
    gateway = await _start_http_gateway(
        config_file=sys.argv[1], clickhouse_url=None, postgres_url=None, valkey_url=None, async_setup=True
    )
    print(gateway.base_url, flush=True)
    await asyncio.sleep(1e6)
asyncio.run(main())
"""


def _nginx(place: Place) -> list[str]:
    tls = NGINX_TLS.format(**place.words) if place.authority else ""
    scheme = "https" if place.authority else "http"
    return ["nginx", "-c", _write(place, "nginx.conf", NGINX.format(**place.words, tls=tls, scheme=scheme))]


def _haproxy(place: Place) -> list[str]:
    tls = HAPROXY_TLS.format(**place.words) if place.authority else ""
    return ["haproxy", "-f", _write(place, "haproxy.cfg", HAPROXY.format(**place.words, tls=tls))]


def freehold(
    name: str, recorder: str, config: str = FULL, *, keyed: bool = True, log: bool = True,
    python: str = PYTHON,
) -> Gateway:  # fmt: skip
    """Freehold with these settings; `recorder`: null, plain or ledger."""

    def command(place: Place) -> list[str]:
        trusted = f'[gateway]\ntls_ca = "{place.authority}"\n' if place.authority else ""
        file = _write(place, "freehold.toml", config.format(**place.words) + trusted)
        here = [python, "-m", "bench.serve_freehold", file, str(place.port), str(place.admin)]
        return [*here, recorder, "log" if log else "no-log"]

    environment = (("BENCH_HOME_KEY", "x"), *variables(python).items())
    return Gateway(name, command, translated="tr", keyed=keyed, environment=environment, python=python)


def _tensorzero(place: Place) -> list[str]:
    script = _write(place, "tensorzero_run.py", TENSORZERO_RUN)
    return [str(PEERS / "python"), script, _write(place, "tz.toml", TENSORZERO.format(**place.words))]


def _sglang(place: Place) -> list[str]:
    return [
        str(PEERS / "python"), "-m", "sglang_router.launch_router", "--worker-urls", place.openai, "--host",
        "127.0.0.1", "--port", str(place.port), "--policy", "round_robin", "--log-level", "error",
        "--prometheus-port", str(place.admin),
    ]  # fmt: skip


def _mlflow(place: Place) -> list[str]:
    run = "from mlflow.gateway.cli import commands; commands()"
    return [
        str(PEERS / "python"), "-c", run, "start", "--config-path",
        _write(place, "mlflow.yaml", MLFLOW.format(**place.words)), "--port", str(place.port), "--host",
        "127.0.0.1", "--workers", "1",
    ]  # fmt: skip


def _portkey(place: Place) -> list[str]:
    script = NPM / "node_modules/@portkey-ai/gateway/build/start-server.js"
    return ["node", str(script), f"--port={place.port}", "--headless"]


def _litellm(place: Place) -> list[str]:
    return [
        str(PEERS / "litellm"), "--config", _write(place, "litellm.yaml", LITELLM.format(**place.words)),
        "--port", str(place.port), "--host", "127.0.0.1",
    ]  # fmt: skip


DIRECT = Gateway("direct", lambda place: ["sleep", "1000000"], direct=True)
NGINX_ONE = Gateway("nginx", _nginx)
NULL = freehold("freehold", "null")
DURABLE = freehold("freehold durable", "ledger")
BESIDE_COMPILED = freehold("freehold interpreted", "null", python=INTERPRETED)
OURS = (NULL, DURABLE) if PYTHON == INTERPRETED else (NULL, DURABLE, BESIDE_COMPILED)

GATEWAYS: tuple[Gateway, ...] = (
    DIRECT,
    NGINX_ONE,
    Gateway("haproxy", _haproxy),
    *OURS,
    Gateway("sglang-router", _sglang),
    Gateway(
        "tensorzero", _tensorzero, path="/openai/v1/chat/completions", model="tensorzero::model_name::bench",
        translated="tensorzero::model_name::anth", prints_port=True,
        environment=(("ANTHROPIC_API_KEY", "x"),),
    ),
    Gateway("mlflow", _mlflow, path="/gateway/chat/invocations", model=""),
    Gateway(
        "portkey", _portkey,
        headers=("x-portkey-provider: openai", "x-portkey-custom-host: {home}/v1", "Authorization: Bearer x"),
    ),
    Gateway(
        "litellm", _litellm, translated="tr", headers=(f"Authorization: Bearer {KEY}",),
        environment=(("LITELLM_LOG", "ERROR"), ("LITELLM_LOCAL_MODEL_COST_MAP", "True")),
    ),
)  # fmt: skip

# What each layer of Freehold costs. `translated` cases of the first are translation alone.
LADDER: tuple[Gateway, ...] = (
    DIRECT,
    NGINX_ONE,
    freehold("pass-through", "null", BARE, keyed=False, log=False),
    freehold("accounting", "ledger", BARE),
    freehold("full policy, no records", "null"),
    freehold("full policy", "ledger"),
)
