"""The verdict on one request and one home."""

from __future__ import annotations

import functools

from freehold.dialects.base import Target
from freehold.dialects.capabilities import capability
from freehold.dialects.fitting import content, extras, sampling, thinking, tools
from freehold.dialects.fitting.draft import Draft
from freehold.dialects.fitting.verdict import Fit, LeaveOut, Refuse
from freehold.dialects.table import APIS, CODECS, codec
from freehold.types.conversation import Conversation


def fit(conversation: Conversation, target: Target) -> Fit | LeaveOut | Refuse:
    can = capability(target.api, target.model, target.api_version)
    form, origin = _taken(target.api)
    draft = Draft(conversation, can, form, origin)
    sampling.fit_limits(draft)
    sampling.fit_sampling(draft)
    content.fit_turns(draft)
    content.fit_blocks(draft)
    tools.fit_tools(draft)
    tools.fit_format(draft)
    thinking.fit_thoughts(draft)
    thinking.fit_thinking(draft)
    extras.fit_extras(draft)
    if draft.refusals:
        return Refuse(reason="; ".join(draft.refusals))
    if draft.reasons:
        return LeaveOut(reason="; ".join(draft.reasons))
    return Fit(conversation=draft.now, notes=tuple(draft.notes))


@functools.cache
def _taken(api: str) -> tuple[str, str]:
    """(the dialect whose request form an api takes, whose signatures it takes back)."""
    return form_of(api), codec(api).origin


def form_of(api: str) -> str:
    """The dialect whose request form an api takes: InvokeModel takes Anthropic's."""
    name = APIS[api].codec if api in APIS else api
    if name not in CODECS:
        return name
    return {"bedrock-invoke": "anthropic", "vertex-claude": "anthropic"}.get(name, name)
