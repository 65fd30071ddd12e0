from pathlib import Path

import pytest

from freehold.dialects.table import APIS
from freehold.errors import InputError
from freehold.estate.model import Estate
from freehold.gateway.plane import Plane
from freehold.gateway.settings import GatewaySettings
from freehold.gateway.transports import ALIASES, TRANSPORTS, api_of, key_header, reach
from freehold.pocket import PocketHome
from freehold.types.homes import Home, Workload
from freehold.types.names import HomeId, WorkloadId
from tests.gateway.running import Kept, Street, ask

PAGE = Path(__file__).resolve().parents[2] / "docs/reference/transports.md"


def home(api: str, **fields: object) -> Home:
    return Home(id=HomeId("h"), vendor="v", operator="o", api=api, **fields)  # type: ignore[arg-type]


def test_every_api_of_the_dialects_has_a_transport() -> None:
    assert set(APIS) - set(TRANSPORTS) - set(ALIASES) == set()
    assert set(ALIASES.values()) <= set(TRANSPORTS)


def test_every_transport_and_alias_is_in_the_reference() -> None:
    page = PAGE.read_text(encoding="utf-8")
    rows = {line.split("`")[1] for line in page.splitlines() if line.startswith("| `")}
    assert rows == set(TRANSPORTS)


def test_unknown_api_is_told_the_nearest() -> None:
    with pytest.raises(InputError, match="there is no api 'bedrok'") as caught:
        api_of("bedrok")
    assert "'bedrock'" in caught.value.why


@pytest.mark.parametrize(
    ("one", "host"),
    [
        (home("bedrock", region="eu-central-1"), "bedrock-runtime.eu-central-1.amazonaws.com"),
        (home("vertex", region="us-east5"), "us-east5-aiplatform.googleapis.com"),
        (home("vertex", options={"location": "global"}), "aiplatform.googleapis.com"),
        (home("vertex-gemini", options={"location": "eu"}), "aiplatform.eu.rep.googleapis.com"),
        (home("foundry", options={"resource": "mine"}), "mine.services.ai.azure.com"),
        (home("claude-on-aws", region="us-west-2"), "aws-external-anthropic.us-west-2.api.aws"),
    ],
)
def test_address_of_a_home_follows_from_its_api(one: Home, host: str) -> None:
    found = reach(one, api_of(one.api or ""))
    assert (found.host, found.secure, found.port) == (host, True, 443)


def test_own_url_wins_and_base_urls_as_sdks_take_them_are_understood() -> None:
    found = reach(home("vllm", url="http://gpu:8000/team/v1"), "openai-compatible")
    assert (found.authority, found.prefix, found.secure) == ("gpu:8000", "/team", False)


@pytest.mark.parametrize(
    ("api", "url"),
    [("foundry", "https://r.services.ai.azure.com/anthropic"), ("azure", "https://r.example/openai/v1/"),
     ("bedrock-mantle", "https://bedrock-mantle.us-east-1.api.aws/anthropic"), ("openai", "https://x/v1")],
)  # fmt: skip
def test_base_url_of_an_sdk_is_not_said_twice(api: str, url: str) -> None:
    assert reach(home(api, url=url), api_of(api)).prefix == ""


def test_home_without_an_address_says_what_is_missing() -> None:
    with pytest.raises(InputError, match="has no address") as caught:
        reach(home("bedrock"), "bedrock-converse")
    assert "region" in caught.value.why


def test_keys_are_sent_where_each_vendor_wants_them() -> None:
    assert key_header("bearer", "k") == ("authorization", "Bearer k")
    assert key_header("x-goog-api-key", "k") == ("x-goog-api-key", "k")


# api -> the dialect of a pocket home that speaks it, and the path on which it must be asked
REACHED = {
    "anthropic": ("anthropic", "/v1/messages"),
    "bedrock-converse": ("bedrock", "/model/m/converse"),
    "bedrock-invoke": ("bedrock", "/model/m/invoke"),
    "bedrock-messages": ("bedrock", "/anthropic/v1/messages"),
    "claude-platform-aws": ("anthropic", "/v1/messages"),
    "vertex-claude": (
        "gemini", "/v1/projects/p/locations/us-east5/publishers/anthropic/models/m:rawPredict"
    ),
    "claude-gcp": ("gemini", "/v1/projects/p/locations/us-east5/workspaces/w/invoke/v1/messages"),
    "foundry-anthropic": ("anthropic", "/anthropic/v1/messages"),
    "openai": ("openai", "/v1/chat/completions"),
    "openai-compatible": ("openai-compatible", "/v1/chat/completions"),
    "vertex-openai": ("gemini", "/v1/projects/p/locations/us-east5/endpoints/openapi/chat/completions"),
    "responses": ("responses", "/v1/responses"),
    "azure-openai": ("openai", "/openai/deployments/m/chat/completions?api-version=2024-10-21"),
    "azure-openai-v1": ("openai", "/openai/v1/chat/completions"),
    "azure-responses": ("openai", "/openai/v1/responses"),
    "gemini": ("gemini", "/v1beta/models/m:generateContent"),
    "vertex-gemini": (
        "gemini", "/v1/projects/p/locations/us-east5/publishers/google/models/m:generateContent"
    ),
}  # fmt: skip
OPTIONS = {"project": "p", "location": "us-east5", "workspace": "w", "resource": "r"}


@pytest.mark.parametrize("api", TRANSPORTS)
async def test_every_transport_asks_on_its_own_path_with_its_key_where_the_vendor_wants_it(api: str) -> None:
    dialect, path = REACHED[api]
    far = PocketHome(dialect, keys=("secret-of-the-home",))
    async with far.running() as url:
        pocket = home(api, url=url, model="m", region="us-east5", options=OPTIONS)
        work = Workload(id=WorkloadId("chat"), homes=(pocket.id,))
        plane = Plane(Estate(homes={pocket.id: pocket}, workloads={work.id: work}), GatewaySettings(), Kept(),
                      {pocket.id: "secret-of-the-home"})  # fmt: skip
        server = await plane.serve("127.0.0.1", 0)
        place = Street([], plane, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", Kept())
        whole, stream = await place.post(ask("to be")), await place.post(ask("to be", stream=True))
        server.close()
        await plane.drain(0.5)
        plane.close()
    assert (whole.status, stream.status) == (200, 200), whole.body
    assert (whole.text, stream.text, stream.finished) == ("to be", "to be", True)
    assert far.log.entries[0].path == path
