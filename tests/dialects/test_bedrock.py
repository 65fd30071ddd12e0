from __future__ import annotations

import functools
import json
from typing import Any

import pytest
from botocore.loaders import Loader  # type: ignore[import-untyped]
from botocore.model import ServiceModel  # type: ignore[import-untyped]
from botocore.validate import ParamValidator  # type: ignore[import-untyped]
from hypothesis import given

from freehold.dialects import codec
from freehold.dialects.bedrock.request import model_path
from freehold.dialects.fitting import Fit, fit
from freehold.types.conversation import Conversation
from tests.dialects.homes import FORMS
from tests.dialects.matrix import recorded, target
from tests.dialects.sdks import FEATURES
from tests.dialects.strategies import conversations


@functools.cache
def input_shape() -> Any:
    model = ServiceModel(Loader().load_service_model("bedrock-runtime", "service-2"))
    return model.operation_model("Converse").input_shape


def report(conversation: Conversation, feature: str = "text") -> str:
    """What boto3 itself would say before it sent our request."""
    written = codec("bedrock").write_request(conversation, target("bedrock", feature))
    given_params = {"modelId": "m", **json.loads(written.body)}
    found = ParamValidator().validate(given_params, input_shape())
    return str(found.generate_report())


@pytest.mark.parametrize("inbound", FORMS)
def test_request_of_every_feature_passes_botocores_own_validation(inbound: str) -> None:
    for feature in FEATURES:
        asked = recorded(inbound, feature)
        if asked is None:
            continue
        verdict = fit(asked.conversation, target("bedrock", feature))
        assert isinstance(verdict, Fit)
        assert report(verdict.conversation, feature) == "", feature


@given(conversations())
def test_any_fitted_conversation_passes_botocores_own_validation(conversation: Conversation) -> None:
    verdict = fit(conversation, target("bedrock", "text"))
    assert isinstance(verdict, Fit)
    assert report(verdict.conversation) == ""


def test_model_in_a_path_is_escaped_whole() -> None:
    assert model_path("arn:aws:bedrock:x/y", "converse") == "/model/arn%3Aaws%3Abedrock%3Ax%2Fy/converse"
