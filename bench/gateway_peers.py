"""The gateways that bench/gateway.py compares: how each is started, called, and what it must be told."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
PEERS = ROOT / ".venv-peers" / "bin"
NPM = Path(os.environ.get("FREEHOLD_BENCH_NPM", ROOT / ".npm-peers"))
KEY = "sk-bench-" + "0123456789abcdef" * 2


class Place(NamedTuple):
    """Where a contender is to listen, and where its home is."""

    port: int
    admin: int
    openai: int
    anthropic: int
    folder: Path
    key: str  # a Freehold key that was made for the run


class Gateway(NamedTuple):
    """One contender."""

    name: str
    command: Callable[[Place], list[str]]
    path: str = "/v1/chat/completions"
    model: str = "chat"
    translated: str = ""  # the model that an Anthropic home serves, where it can translate
    key: str = ""
    headers: tuple[str, ...] = ()
    ready: str = "/v1/models"
    streams: bool = True
    environment: tuple[tuple[str, str], ...] = ()
    prints_port: bool = False


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
  upstream home {{ server 127.0.0.1:{openai}; keepalive 256; keepalive_requests 100000000; }}
  server {{ listen 127.0.0.1:{port} backlog=4096; location / {{
    proxy_pass http://home; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off;
  }} }}
}}
"""

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
  server a 127.0.0.1:{openai}
"""

FREEHOLD = """\
[models.bench]

[homes.up]
vendor = "bench"
region = "here"
api = "openai-compatible"
model = "bench"
url = "http://127.0.0.1:{openai}"
price = {{ input_usd_per_mtok = 3.0, output_usd_per_mtok = 15.0 }}

[homes.spare]
vendor = "bench"
region = "here"
api = "openai-compatible"
model = "bench"
url = "http://127.0.0.1:{openai}"
price = {{ input_usd_per_mtok = 4.0, output_usd_per_mtok = 20.0 }}

[homes.anth]
vendor = "bench"
region = "here"
api = "anthropic"
model = "bench"
url = "http://127.0.0.1:{anthropic}"
credential = "env:BENCH_HOME_KEY"
price = {{ input_usd_per_mtok = 3.0, output_usd_per_mtok = 15.0 }}

[policies.all]
regions = ["here"]
on_cut = "continue"

[workloads.chat]
homes = ["up", "spare"]
policy = "all"

[workloads.tr]
homes = ["anth"]
policy = "all"
"""

LITELLM = """\
general_settings: {{master_key: {key}}}
model_list:
  - model_name: chat
    litellm_params: {{model: openai/bench, api_base: "http://127.0.0.1:{openai}/v1", api_key: x}}
  - model_name: tr
    litellm_params: {{model: anthropic/bench, api_base: "http://127.0.0.1:{anthropic}", api_key: x}}
"""

MLFLOW = """\
endpoints:
  - name: chat
    endpoint_type: llm/v1/chat
    model:
      provider: openai
      name: bench
      config: {{openai_api_key: x, openai_api_base: "http://127.0.0.1:{openai}/v1"}}
"""

TENSORZERO = """\
[gateway]
observability.enabled = false
[models.bench]
routing = ["up"]
[models.bench.providers.up]
type = "openai"
api_base = "http://127.0.0.1:{openai}/v1/"
model_name = "bench"
api_key_location = "none"
[models.anth]
routing = ["up"]
[models.anth.providers.up]
type = "anthropic"
api_base = "http://127.0.0.1:{anthropic}/v1/"
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


def _freehold(kind: str) -> Callable[[Place], list[str]]:
    def command(place: Place) -> list[str]:
        file = _write(place, "freehold.toml", FREEHOLD.format(**place._asdict()))
        here = [sys.executable, "-m", "bench.serve_freehold", file]
        return [*here, str(place.port), str(place.admin), kind]

    return command


def _tensorzero(place: Place) -> list[str]:
    script = _write(place, "tensorzero_run.py", TENSORZERO_RUN)
    return [str(PEERS / "python"), script, _write(place, "tz.toml", TENSORZERO.format(**place._asdict()))]


_AUTH = f"Authorization: Bearer {KEY}"
_MLFLOW_RUN = "from mlflow.gateway.cli import commands; commands()"
_FREEHOLD_ENV = (("BENCH_HOME_KEY", "x"),)

GATEWAYS: tuple[Gateway, ...] = (
    Gateway("nginx", lambda p: ["nginx", "-c", _write(p, "nginx.conf", NGINX.format(**p._asdict()))]),
    Gateway("haproxy", lambda p: ["haproxy", "-f", _write(p, "haproxy.cfg", HAPROXY.format(**p._asdict()))]),
    Gateway("freehold", _freehold("null"), key="made", translated="tr", environment=_FREEHOLD_ENV),
    Gateway("freehold durable", _freehold("ledger"), key="made", translated="tr", environment=_FREEHOLD_ENV),
    Gateway(
        "sglang-router",
        lambda p: [
            str(PEERS / "python"), "-m", "sglang_router.launch_router", "--worker-urls",
            f"http://127.0.0.1:{p.openai}", "--host", "127.0.0.1", "--port", str(p.port), "--policy",
            "round_robin", "--log-level", "error",
        ],
    ),
    Gateway(
        "tensorzero", _tensorzero, path="/openai/v1/chat/completions", model="tensorzero::model_name::bench",
        translated="tensorzero::model_name::anth", prints_port=True,
        environment=(("ANTHROPIC_API_KEY", "x"),),
    ),
    Gateway(
        "mlflow",
        lambda p: [
            str(PEERS / "python"), "-c", _MLFLOW_RUN, "start", "--config-path",
            _write(p, "mlflow.yaml", MLFLOW.format(**p._asdict())), "--port", str(p.port), "--host",
            "127.0.0.1", "--workers", "1",
        ],
        path="/gateway/chat/invocations", model="", streams=False,
    ),
    Gateway(
        "portkey",
        lambda p: [
            "node", str(NPM / "node_modules/@portkey-ai/gateway/build/start-server.js"), f"--port={p.port}",
            "--headless",
        ],
        headers=("x-portkey-provider: openai", "x-portkey-custom-host: {home}/v1", "Authorization: Bearer x"),
        streams=False,
    ),
    Gateway(
        "litellm",
        lambda p: [
            str(PEERS / "litellm"), "--config",
            _write(p, "litellm.yaml", LITELLM.format(**p._asdict()).replace(str(p.key), KEY)), "--port",
            str(p.port), "--host", "127.0.0.1",
        ],
        translated="tr", headers=(_AUTH,),
        environment=(("LITELLM_LOG", "ERROR"), ("LITELLM_LOCAL_MODEL_COST_MAP", "True")),
    ),
)  # fmt: skip
