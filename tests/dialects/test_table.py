from __future__ import annotations

import pytest

from freehold.dialects import codec, routes
from freehold.dialects.capabilities import ROWS, Capability, capability
from freehold.dialects.table import APIS, CODECS
from freehold.errors import InputError
from tests.dialects.homes import FORMS
from tests.dialects.matrix import VECTORS


@pytest.mark.parametrize("name", [*CODECS, *APIS])
def test_every_row_finds_its_codec(name: str) -> None:
    found = codec(name)
    assert found.form in CODECS
    if name in APIS:
        assert found.name == APIS[name].dialect


@pytest.mark.parametrize("form", CODECS)
def test_every_codec_has_its_vectors(form: str) -> None:
    assert form in FORMS
    assert list((VECTORS / "answers" / form).iterdir())
    assert list((VECTORS / "requests" / form).iterdir())


@pytest.mark.parametrize("api", APIS)
def test_every_api_has_capabilities_of_its_own(api: str) -> None:
    assert any(api in row.apis for row in ROWS)
    assert capability(api, "m") != Capability()


@pytest.mark.parametrize("row", ROWS)
def test_row_of_capabilities_names_known_apis_and_fields(row: object) -> None:
    from freehold.dialects.capabilities import Row

    assert isinstance(row, Row)
    assert set(row.apis) <= set(APIS)
    assert set(row.says) <= set(Capability.__struct_fields__)


def test_unknown_dialect_names_the_closest() -> None:
    with pytest.raises(InputError) as told:
        codec("anthropc")
    assert "anthropic" in told.value.why


def test_no_path_is_listed_twice() -> None:
    listed = [(path.method, path.pattern) for path in routes.PATHS]
    assert len(listed) == len(set(listed))


@pytest.mark.parametrize(("model", "prefill"), [
    ("claude-sonnet-4-5", True), ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", True),
    ("claude-opus-4-6", False), ("claude-sonnet-5", False), ("claude-3-5-sonnet-20241022", True),
])  # fmt: skip
def test_prefill_ended_with_claude_4_6(model: str, prefill: bool) -> None:
    assert capability("bedrock", f"anthropic.{model}").prefill is prefill
    assert capability("anthropic", model).prefill is prefill


def test_arn_versioned_models_keep_their_old_version_on_bedrock() -> None:
    assert capability("bedrock-invoke", "us.anthropic.claude-opus-4-6-v1:0").version == "bedrock-2023-05-31"
    assert capability("bedrock-invoke", "us.anthropic.claude-opus-4-8").version is None
