import threading

import pytest

from freehold.clock import FakeClock
from freehold.gateway.auth.identity import Refreshing
from freehold.gateway.auth.tokens import BearerTokens


class Scripted:
    """A credential source that gives what it is told to, and says when it was asked."""

    def __init__(self, *results: object) -> None:
        self.results = list(results)
        self.asked = threading.Event()

    def fetch(self) -> tuple[object, float | None]:
        self.asked.set()
        result = self.results.pop(0) if self.results else OSError("away")
        if isinstance(result, Exception):
            raise result
        return result, 600.0


def test_credential_is_ready_after_the_first_fetch_and_not_before_it() -> None:
    tokens = Refreshing(Scripted("t1"), FakeClock())
    assert tokens.wait_first()
    tokens.close()
    assert tokens.value == "t1"
    assert BearerTokens(tokens).headers("POST", "u", {}, b"") == {"authorization": "Bearer t1"}


def test_credential_that_ran_out_is_none() -> None:
    clock = FakeClock()
    tokens = Refreshing(Scripted("t1"), clock)
    tokens.wait_first()
    tokens.close()
    clock.advance(601)
    assert BearerTokens(tokens).headers("POST", "u", {}, b"") is None


def test_failed_fetch_is_named_without_its_words() -> None:
    tokens = Refreshing(Scripted(RuntimeError("secret inside")), FakeClock())
    tokens.wait_first()
    tokens.close()
    assert (tokens.value, tokens.failure) == (None, "RuntimeError")


def test_sigv4_signature_is_the_one_botocore_makes() -> None:
    auth = pytest.importorskip("botocore.auth")
    from botocore.awsrequest import AWSRequest  # type: ignore[import-untyped]
    from botocore.credentials import Credentials  # type: ignore[import-untyped]

    from freehold.gateway.auth.aws import SigV4

    credentials = Credentials("AKID", "SECRET", "TOKEN")
    chain = Refreshing(Scripted(credentials), FakeClock())
    chain.wait_first()
    chain.close()
    url = "https://bedrock-runtime.us-east-1.amazonaws.com/model/a%3A0/converse"
    given = {"host": "bedrock-runtime.us-east-1.amazonaws.com", "content-type": "application/json"}
    added = SigV4(chain, "bedrock", "us-east-1").headers("POST", url, given, b"{}")
    assert added is not None
    request = AWSRequest("POST", url, data=b"{}", headers={**given, "X-Amz-Date": added["X-Amz-Date"]})
    expected = auth.SigV4Auth(credentials, "bedrock", "us-east-1")
    request.context["timestamp"] = added["X-Amz-Date"]
    signed = expected.signature(
        expected.string_to_sign(request, expected.canonical_request(request)), request
    )
    assert len(signed) == 64
    assert added["X-Amz-Security-Token"] == "TOKEN"
    assert added["Authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKID/")
