"""The section [otel], from the file to a collector, with the gateway as the process that operators run."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.gateway.telemetry.receiver import attributes, receiving
from tests.gateway.test_serve import up

FILE = """
[otel]
endpoint = "{url}"
headers = {{ authorization = "file:{secret}" }}
service_name = "freehold-test"
"""


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_gateway_tells_a_collector_about_its_calls(tmp_path: Path, workers: str) -> None:
    secret = tmp_path / "secret"
    secret.write_text("Bearer s3cret\n")
    secret.chmod(0o600)
    async with (
        receiving() as place,
        up(tmp_path, "--workers", workers, more=FILE.format(url=place.url, secret=secret)) as running,
    ):
        for _ in range(3):
            assert (await running.call())[0] == 200
    assert sorted(span.name for span in place.spans) == ["chat chat"] * 3 + ["chat claude-pocket"] * 3
    assert {headers["authorization"] for headers in place.headers} == {"Bearer s3cret"}
    resource = place.traces[0].resource_spans[0].resource
    assert attributes(resource)["service.name"] == "freehold-test"


async def test_gateway_whose_collector_is_away_answers_all_the_same(tmp_path: Path) -> None:
    async with receiving() as gone:
        url = gone.url
    more = f'[otel]\nendpoint = "{url}"\ninterval = "100ms"\n'
    async with up(tmp_path, more=more) as running:
        for _ in range(3):
            assert (await running.call())[0] == 200
        _, metrics = await running.admin("/metrics")
    assert b"freehold_telemetry_sent_total 0\n" in metrics
    assert (tmp_path / "log").read_text().count(f"telemetry: {url}") == 1


async def test_gateway_tells_what_was_said_only_where_the_settings_say_so(tmp_path: Path) -> None:
    told = {}
    for content in ("true", "false"):
        folder = tmp_path / content
        folder.mkdir()
        async with receiving() as place:
            more = f'[otel]\nendpoint = "{place.url}"\ncontent = {content}\n'
            async with up(folder, more=more) as running:
                assert (await running.call())[0] == 200
        told[content] = "gen_ai.output.messages" in attributes(place.spans[1])
    assert told == {"true": True, "false": False}
