"""Said beforehand: what becomes of a workload's stream when it is cut after its first words."""

from __future__ import annotations

from freehold.dialects.capabilities import capability
from freehold.estate.model import Estate
from freehold.gateway.candidates import candidates
from freehold.gateway.transports import ALIASES
from freehold.types.homes import Home, Workload


def goes_on(home: Home) -> bool:
    """Can this home take up an answer that another began? By its option, else by the capability table."""
    said = home.options.get("continues")
    if said is not None:
        return said == "yes"
    api = ALIASES.get(home.api or "", home.api or "")
    return capability(api, home.model_name or home.model or "", home.options.get("api_version")).prefill


def rescuable(workload: Workload, estate: Estate) -> str:
    """One sentence; declared attestation counts here as it is declared."""
    mode = workload.policy.on_cut
    allowed = [one.home for one in candidates(workload, estate.homes, frozenset(estate.homes)).allowed]
    if mode == "error":
        return "a cut stream ends with an error (on_cut = error)"
    if mode == "restart":
        return "a cut stream begins again for callers that opted in (on_cut = restart)"
    if mode == "reask":
        return f"a cut stream is taken up in words by {_among(len(allowed))}, marked as such (on_cut = reask)"
    able = [home.id for home in allowed if goes_on(home)]
    if not able:
        return "a cut stream cannot be continued: none of its homes goes on with an answer that another began"
    cannot = [home.id for home in allowed if home.id not in able]
    but = f"; {', '.join(cannot)} cannot" if cannot else ""
    return f"a cut stream is continued by {', '.join(able)}{but} (on_cut = continue)"


def _among(count: int) -> str:
    return f"any of its {count} homes" if count != 1 else "its one home"
