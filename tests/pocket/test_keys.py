import pytest

from freehold import wire
from freehold.pocket import PocketHome
from freehold.pocket.keys import allowed, presented
from tests.pocket.talk import ask

SIGNED = "AWS4-HMAC-SHA256 Credential=AKID/20261120/us-east-1/bedrock/aws4_request, SignedHeaders=host"


def request(target: str = "/", **headers: str) -> wire.Request:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return wire.Request(method="POST", target=target, headers=named, body=b"")


@pytest.mark.parametrize(
    ("dialect", "given", "key"),
    [
        ("openai", request(authorization="Bearer one"), "one"),
        ("openai", request(api_key="one"), "one"),
        ("openai", request(x_api_key="one"), None),
        ("anthropic", request(authorization="Bearer two", x_api_key="one"), "one"),
        ("anthropic", request(authorization="bearer one"), "one"),
        ("bedrock", request(authorization=SIGNED), "AKID"),
        ("bedrock", request(authorization="Bearer one"), "one"),
        ("gemini", request(x_goog_api_key="one"), "one"),
        ("gemini", request("/v1beta/models/m:generateContent?alt=sse&key=one"), "one"),
        ("gemini", request(api_key="one"), None),
        ("openai", request(authorization="Basic one"), None),
        ("openai", request(), None),
    ],
)
def test_key_is_where_the_vendor_looks(dialect: str, given: wire.Request, key: str | None) -> None:
    assert presented(given, dialect) == key


def test_key_has_to_be_one_of_those_known() -> None:
    given = request(authorization="Bearer one")
    assert allowed(given, "openai", ["two", "one"])
    assert not allowed(given, "openai", ["two", "ONE"])
    assert not allowed(request(), "openai", [""])


@pytest.mark.parametrize(
    ("dialect", "path", "status"),
    [
        ("openai", "/v1/chat/completions", 401),
        ("anthropic", "/v1/messages", 401),
        ("bedrock", "/model/m/converse", 403),
        ("gemini", "/v1beta/models/m:generateContent", 401),
    ],
)
def test_wrong_key_is_refused_before_anything_is_read(dialect: str, path: str, status: int) -> None:
    assert ask(PocketHome(dialect, keys=["k"]), {"nonsense": 1}, path).status == status
