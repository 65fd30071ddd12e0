"""What the records of all calls have in common that one home answers for one workload: worked out once."""

from __future__ import annotations

from typing import Final

import msgspec

from freehold.gateway.route import Plan, Route
from freehold.gateway.told import Told, named
from freehold.types.conversation import Usage
from freehold.types.homes import Price
from freehold.types.names import Digest, RecordId
from freehold.types.records import CallRecord, Cost, HomeFacts, Known, PriceUsed, Tokens

MTOK: Final = 1_000_000
FLOPS_PER_PARAMETER: Final = 2  # one multiplication and one addition per token
LIKES_MAX: Final = 1024  # kinds of records: by caller, dialect, finish, and what is not known
REPORTED_MAX: Final = 64  # other model names that one home has given
NO_USAGE: Final = "the home reported no usage"
_COUNTS: Final = ("fresh", "cache_read", "cache_write", "reasoning", "output")
_UNTOLD: Final = "not told"
_UNSET: Final = "not configured"


class Template:
    """One route's part of its records."""

    __slots__ = (
        "_as_of", "_facts", "_reported", "_source", "facts", "known", "likes", "parameters", "price",
        "record", "used",
    )  # fmt: skip

    def __init__(self, plan: Plan, route: Route, estate: Digest | None, attested: bool) -> None:
        home = route.home
        self.facts, self.price, self.used = route.facts, home.price, price_used(home.price)
        self._source, self._as_of = home.price.source or None, home.price.as_of or None
        self.known: Known = "attested" if attested else "assumed"
        self.parameters = route.parameters_active
        self._facts = frozenset(name for name in (home.model, route.model_name) if name)
        self._reported: dict[str, HomeFacts] = {}
        self.likes: dict[tuple[object, ...], CallRecord] = {}
        self.record = CallRecord(
            id=RecordId(""), time_ns=0, estate=estate, workload=plan.workload.id, policy=plan.policy.id,
            policy_digest=plan.policy_digest, planned=plan.routes[0].facts, actual=route.facts,
            actual_known=self.known, tier=home.tier, useful_flops="undisclosed", outcome="ok", status=200,
            operation="chat",
        )  # fmt: skip

    def keep(self, key: tuple[object, ...], like: CallRecord) -> CallRecord:
        """Records of one kind differ from each other in numbers and names alone."""
        if len(self.likes) >= LIKES_MAX:
            self.likes.clear()
        self.likes[key] = like
        return like

    def actual(self, told: Told | None) -> tuple[HomeFacts, Known]:
        """Where it ran, and how that is known: the model as the vendor names it, where it does."""
        model = told.model if told is not None else ""
        if not model or self.known == "attested":
            return self.facts, self.known
        if model in self._facts:
            return self.facts, "reported"
        found = self._reported.get(model)
        if found is None:
            if not named(model):
                return self.facts, self.known
            found = msgspec.structs.replace(self.facts, model=model)
            if len(self._reported) < REPORTED_MAX:
                self._reported[model] = found
        return found, "reported"

    def cost(self, usage: Usage | None) -> Cost | None:
        """What the tokens cost at the home's prices; None where that is not known, see `unknown`."""
        nano = nano_usd(usage, self.price)
        if nano is None:
            return None
        return Cost(nano_usd=nano, price=self.used, price_source=self._source, price_as_of=self._as_of)

    def flops(self, usage: Usage | None) -> int | str | None:
        """Of the tokens that were worked through: cached ones were not."""
        if self.parameters is None:
            return "undisclosed"
        if usage is None or usage.fresh is None or usage.output is None:
            return None
        tokens = usage.fresh + (usage.cache_write or 0) + usage.output
        return FLOPS_PER_PARAMETER * self.parameters * tokens

    def unknown(self, usage: Usage | None, told: Told | None, *, content: bool) -> dict[str, str]:
        """Field -> why it is not known."""
        why: dict[str, str] = {}
        if usage is None:
            why["tokens"] = NO_USAGE
        else:
            why |= {f"tokens.{name}": _UNTOLD for name in _COUNTS if getattr(usage, name) is None}
        if (no_cost := why_no_cost(usage, self.price)) is not None:
            why["cost"] = no_cost
        else:
            why |= _gaps_of(self.price)
        if self.flops(usage) is None:
            why["useful_flops"] = NO_USAGE
        if self.known != "attested":
            why["attestation"] = "not verified here"
        if not content:
            why["took.first_content_us"] = "no content came"
        if told is None or not told.finish:
            why["finish"] = _UNTOLD
        if told is None or not told.vendor_id:
            why["vendor_id"] = _UNTOLD
        return why | facts_unknown(self.facts)


def facts_unknown(facts: HomeFacts) -> dict[str, str]:
    missing = [name for name in HomeFacts.__struct_fields__ if getattr(facts, name) is None]
    return {f"actual.{name}": _UNSET for name in missing}


def price_used(price: Price) -> PriceUsed:
    return PriceUsed(
        fresh=price.input_nano_usd_per_mtok, cache_read=price.cache_read_nano_usd_per_mtok,
        cache_write=price.cache_write_nano_usd_per_mtok, output=price.output_nano_usd_per_mtok,
        chip_hour=price.chip_hour_nano_usd,
    )  # fmt: skip


def nano_usd(usage: Usage | None, price: Price) -> int | None:
    """What the tokens cost, where counts and prices say enough."""
    fresh, output = price.input_nano_usd_per_mtok, price.output_nano_usd_per_mtok
    if usage is None or usage.fresh is None or usage.output is None or fresh is None:
        return None
    nano = usage.fresh * fresh
    if usage.output:
        if output is None:
            return None
        nano += usage.output * output
    if usage.cache_read:
        if price.cache_read_nano_usd_per_mtok is None:
            return None
        nano += usage.cache_read * price.cache_read_nano_usd_per_mtok
    if usage.cache_write:
        if price.cache_write_nano_usd_per_mtok is None:
            return None
        nano += usage.cache_write * price.cache_write_nano_usd_per_mtok
    return nano // MTOK


def why_no_cost(usage: Usage | None, price: Price) -> str | None:
    if nano_usd(usage, price) is not None:
        return None
    if usage is None or usage.fresh is None or usage.output is None:
        return NO_USAGE
    if price.input_nano_usd_per_mtok is None or (usage.output and price.output_nano_usd_per_mtok is None):
        return "the home has no price"
    return "the home has no price for cached tokens"


def _gaps_of(price: Price) -> dict[str, str]:
    missing = {"cost.price_source": price.source, "cost.price_as_of": price.as_of}
    return {name: _UNSET for name, value in missing.items() if not value}


def tokens_of(usage: Usage) -> Tokens:
    return Tokens(
        fresh=usage.fresh, cache_read=usage.cache_read, cache_write=usage.cache_write,
        reasoning=usage.reasoning, output=usage.output,
    )  # fmt: skip
