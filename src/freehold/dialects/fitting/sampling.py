"""Limits and sampling parameters."""

from __future__ import annotations

from freehold.dialects.fitting.draft import Draft


def fit_limits(draft: Draft) -> None:
    can, now = draft.can, draft.now
    most, answers, stops = now.max_tokens, now.n, len(now.stop)
    if most is None:
        if can.max_tokens_required:
            limit = can.max_tokens_default
            draft.change(f"max_tokens set to {limit}: this api requires a limit", max_tokens=limit)
    elif most == 0 and draft.form != "anthropic":
        draft.leave_out("max_tokens is 0 (warm the cache), which only Anthropic's own form knows")
    if answers is not None:
        if answers > 1 and not (draft.own and answers <= can.n_max):
            draft.leave_out(f"{answers} answers are asked for, and one can be carried across dialects")
        elif answers == 1 and can.n_max == 1:
            draft.change("", n=None)
    if stops > can.stop_max:
        taken = f"at most {can.stop_max}" if can.stop_max else "none"
        draft.leave_out(f"{stops} stop sequences are asked for, and this api takes {taken}")
    if now.user is not None and not can.user:
        draft.change("user dropped: this api has no such field", user=None)


def fit_sampling(draft: Draft) -> None:
    can, now = draft.can, draft.now
    heat = now.temperature
    if heat is not None and not can.temperature:
        draft.change(f"temperature {heat:g} dropped: {_why(draft, 'temperature')}", temperature=None)
    elif heat is not None and heat > can.temperature_max:
        most = can.temperature_max
        draft.change(f"temperature {heat:g} lowered to {most:g}, the most this api takes", temperature=most)
    if now.top_p is now.top_k is now.seed is now.presence_penalty is now.frequency_penalty is None:
        return
    for name, allowed in (("top_p", can.top_p), ("top_k", can.top_k), ("seed", can.seed)):
        value = getattr(draft.now, name)
        if value is not None and not allowed:
            draft.change(f"{name} {value:g} dropped: {_why(draft, name)}", **{name: None})
    for name in ("presence_penalty", "frequency_penalty"):
        value = getattr(draft.now, name)
        if value is not None and not can.penalties:
            draft.change(
                f"{name} {value:g} dropped: {_why(draft, 'penalties')}" if value else "", **{name: None}
            )
    if can.one_of_temperature_top_p and draft.now.temperature is not None and draft.now.top_p is not None:
        draft.change(
            f"top_p {draft.now.top_p:g} dropped: this model takes it or temperature, not both", top_p=None
        )


def _why(draft: Draft, name: str) -> str:
    return draft.can.reasons.get(name) or "this api has no such parameter"
