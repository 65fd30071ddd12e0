"""The dashboard and the alert rules: every metric in them is exported, and Prometheus answers every query."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
import pytest
from click.testing import CliRunner

from freehold import wire
from freehold.cli.dashboard import command
from freehold.gateway.exposition import HELP
from freehold.gateway.keys import KeyBook
from freehold.gateway.monitoring import FILES, text_of
from freehold.gateway.state.sqlite import SqliteState
from freehold.pocket import FaultRule, PocketHome
from tests.gateway.telemetry.receiver import receiving
from tests.gateway.test_serve import Up, up

MORE = """
[policies.resilient]
on_cut = "continue"
[homes.broken]
vendor = "v"
api = "openai"
model = "claude-pocket"
url = "{url}"
[pools.limited]
requests_per_min = 6000
[homes.priced]
vendor = "v"
pool = "limited"
api = "openai"
model = "claude-pocket"
url = "{fine}"
price = {{ input_usd_per_mtok = 3, output_usd_per_mtok = 15 }}
[workloads.rescued]
homes = ["broken", "priced"]
policy = "resilient"
[gateway.hedge]
enabled = true
[otel]
endpoint = "{otel}"
interval = "500ms"
"""


def queries() -> Iterator[tuple[str, str]]:
    """Panel and query, for each in the dashboard."""
    for panel in json.loads(text_of("grafana.json"))["panels"]:
        for target in panel.get("targets", ()):
            yield panel["title"], target["expr"]


def test_every_metric_of_the_dashboard_and_the_alerts_is_exported() -> None:
    named = set(re.findall(r"\bfreehold_[a-z_]+", "".join(map(text_of, FILES))))
    plain = {name.removesuffix("_bucket").removesuffix("_sum").removesuffix("_count") for name in named}
    assert plain <= set(HELP)


def test_panels_have_their_own_ids_and_do_not_overlap() -> None:
    panels = json.loads(text_of("grafana.json"))["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    cells = [
        (x, y)
        for one in (panel["gridPos"] for panel in panels)
        for x in range(one["x"], one["x"] + one["w"])
        for y in range(one["y"], one["y"] + one["h"])
    ]
    assert len(set(cells)) == len(cells)


@pytest.mark.parametrize(("words", "name"), [((), "grafana.json"), (("--alerts",), "alerts.yaml")])
def test_command_prints_the_file_as_it_is(words: tuple[str, ...], name: Any) -> None:
    assert CliRunner().invoke(command, list(words)).output == text_of(name)


@pytest.mark.slow
def test_alert_rules_are_valid_to_promtool(tmp_path: Path) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("needs promtool: apt-get install prometheus")
    (tmp_path / "alerts.yaml").write_text(text_of("alerts.yaml"))
    checked = subprocess.run(
        [promtool, "check", "rules", "--lint-fatal", "alerts.yaml"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.slow
async def test_prometheus_answers_every_query_of_a_gateway_under_load(tmp_path: Path) -> None:
    program = shutil.which("prometheus")
    if program is None:
        pytest.skip("needs Prometheus: apt-get install prometheus")
    state = SqliteState(tmp_path / "state" / "state.db")
    _, key = KeyBook(state).create("joe", requests_per_min=10**6)
    state.close()
    broken = PocketHome("openai", faults={"it": FaultRule(fault="unavailable")})
    async with broken.running() as url, PocketHome("openai").running() as fine, receiving() as collector:
        more = MORE.format(url=url, fine=fine, otel=collector.url)
        async with (
            up(tmp_path, "--workers", "2", more=more) as place,
            prometheus(program, tmp_path, place.running.admin_url) as server,
        ):
            load = asyncio.create_task(_load(place, key))
            try:
                unanswered = await _unanswered(server)
            finally:
                load.cancel()
                await asyncio.gather(load, return_exceptions=True)
    assert unanswered == []


@contextlib.asynccontextmanager
async def prometheus(program: str, folder: Path, admin_url: str) -> AsyncIterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    scrape = {
        "job_name": "freehold", "static_configs": [{"targets": [admin_url.removeprefix("http://")]}]
    }  # fmt: skip
    settings = {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
        "rule_files": ["alerts.yaml"], "scrape_configs": [scrape],
    }  # fmt: skip
    (folder / "prometheus.yml").write_text(json.dumps(settings))  # JSON is YAML too
    (folder / "alerts.yaml").write_text(text_of("alerts.yaml"))
    process = subprocess.Popen(
        [program, f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/tsdb",
         f"--web.listen-address=127.0.0.1:{port}"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        await asyncio.to_thread(process.wait, 30)


async def _load(place: Up, key: str) -> None:
    """Calls of every kind, so that every series there is has something to say."""
    rescued = msgspec.json.encode({"model": "rescued", "messages": [{"role": "user", "content": "to be"}]})
    while True:
        await place.call(key=key)
        await place.call(rescued, key)
        await place.call(b'{"model": "nobody", "messages": []}', key)
        await _raw(place, b"nonsense\r\n\r\n")
        await asyncio.sleep(0.05)


async def _raw(place: Up, data: bytes) -> None:
    host, _, port = place.running.url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write(data)
        await reader.read()
    finally:
        writer.close()


async def _unanswered(server: str) -> list[tuple[str, str]]:
    """The queries without a result, once all of them have had time to get one."""
    left = list(queries())
    with contextlib.suppress(TimeoutError):  # what is left by then is what the test tells
        async with asyncio.timeout(60):
            while left:
                await asyncio.sleep(0.5)
                with contextlib.suppress(OSError):  # it is still starting
                    left = [(panel, query) for panel, query in left if not await _answered(server, query)]
    return left


async def _answered(server: str, query: str) -> bool:
    filled = query.replace("$__rate_interval", "10s").replace("$workload", ".*").replace("$home", ".*")
    async with await wire.request("GET", f"{server}/api/v1/query?query={quote(filled)}") as response:
        told = msgspec.json.decode(await response.read())
    assert response.status in (200, 503), (query, told)  # 400: the query is wrong
    return response.status == 200 and bool(told["data"]["result"])
