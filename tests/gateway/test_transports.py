from pathlib import Path

import pytest

from freehold.dialects.table import APIS
from freehold.errors import InputError
from freehold.gateway.transports import ALIASES, TRANSPORTS, api_of, key_header, reach
from freehold.types.homes import Home
from freehold.types.names import HomeId

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


def test_home_without_an_address_says_what_is_missing() -> None:
    with pytest.raises(InputError, match="has no address") as caught:
        reach(home("bedrock"), "bedrock-converse")
    assert "region" in caught.value.why


def test_keys_are_sent_where_each_vendor_wants_them() -> None:
    assert key_header("bearer", "k") == ("authorization", "Bearer k")
    assert key_header("x-goog-api-key", "k") == ("x-goog-api-key", "k")
