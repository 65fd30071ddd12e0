from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.dialects import carry, codec
from freehold.dialects.fitting import Fit, fit
from freehold.types.conversation import Answer, Conversation, Thinking, ToolUse, Usage
from tests.dialects.homes import FORMS
from tests.dialects.matrix import recorded, target

origins = st.sampled_from(["anthropic", "bedrock", "gemini", "responses", "vertex"])
signatures = st.text(st.characters(exclude_categories=("Cs",)), min_size=1)


@given(signatures, origins, origins)
def test_tag_comes_off_again(signature: str, origin: str, here: str) -> None:
    if not signature.startswith(carry.WORD):
        assert carry.untag(carry.tag(signature, origin, here), here) == (signature, origin)


@given(signatures, origins)
def test_base64_tag_comes_off_again(signature: str, origin: str) -> None:
    if origin != "gemini":
        packed = carry.tag_base64(signature, origin, "gemini")
        assert carry.untag_base64(packed, "gemini") == (signature, origin)


@given(signatures, origins)
def test_signature_rides_in_an_id_of_allowed_characters(signature: str, origin: str) -> None:
    id = carry.tag_id("call_1", signature, origin)
    assert all(c.isascii() and (c.isalnum() or c in "_-") for c in id)
    assert carry.untag_id(id) == ("call_1", signature, origin)


def signed(origin: str) -> Answer:
    call = ToolUse(id="t1", name="weather", input_json="{}", signature="c2ln", origin=origin)
    thought = Thinking(text="hm", signature="c2lnMg==", origin=origin)
    return Answer(
        id="a", model="m", blocks=(thought, call), finish="tool_use", usage=Usage(fresh=1, output=1)
    )


@pytest.mark.parametrize("home", FORMS)
@pytest.mark.parametrize("caller", FORMS)
def test_signed_call_comes_back_to_its_signer(caller: str, home: str) -> None:
    near, asked = codec(caller), recorded(caller, "text")
    assert asked is not None
    origin = codec(home).origin
    back = near.read_answer(near.write_answer(signed(origin), asked.conversation))
    call = next(block for block in back.blocks if isinstance(block, ToolUse))
    assert (call.id, call.signature, call.origin) == ("t1", "c2ln", origin)


@pytest.mark.parametrize("home", FORMS)
@pytest.mark.parametrize("signer", ["anthropic", "bedrock", "vertex", "gemini", "responses"])
def test_foreign_signature_never_reaches_a_home(signer: str, home: str) -> None:
    asked = recorded("anthropic", "tools")
    assert asked is not None
    turns = list(asked.conversation.turns)
    turns[3] = turns[3].__class__(
        role="assistant",
        blocks=(Thinking(text="hm", signature="SECRETSIG", origin=signer),
                *(ToolUse(id=block.id, name=block.name, input_json=block.input_json, signature="OTHERSIG",
                          origin=signer) for block in turns[3].blocks if isinstance(block, ToolUse))),
    )  # fmt: skip
    conversation = Conversation(
        model="m", turns=tuple(turns), tools=asked.conversation.tools, dialect="anthropic"
    )
    verdict = fit(conversation, target(home, "text"))
    assert isinstance(verdict, Fit)
    written = codec(home).write_request(verdict.conversation, target(home, "text")).body
    kept = b"SECRETSIG" in written or b"OTHERSIG" in written
    assert not kept or codec(home).origin == signer
    assert carry.WORD.encode() not in written
