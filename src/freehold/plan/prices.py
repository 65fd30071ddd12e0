"""Which price of a chip can be believed. A price that cannot is named and never used; unknown is never zero.

Price lists carry mistakes large enough to move work: placeholders, another product's price, machines with
chips that do not fit. Every row is judged beside its siblings, and what is found has a name:

    sentinel      a placeholder such as 700 that means "no price"
    another-sku   less than half of what the same chip costs at the same vendor elsewhere
    wrong-memory  device memory far from the chip's own
    no-price      no on-demand price at all
    too-many      more chips than the machine has
    no-name       an accelerator machine without an accelerator's name
    core-count    a slice counted in cores, of which a chip has two
    flat-list     one price in every region: a list, not an availability
    no-spot       spot at the on-demand price: there is no spot market
    host-extra    the accelerator alone: its host is billed on top
"""

from __future__ import annotations

import re
import statistics
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal

import msgspec

from freehold.estate.catalog.shapes import Offer, Silicon
from freehold.types.names import SiliconId

Defect = Literal[
    "sentinel", "another-sku", "wrong-memory", "no-price", "too-many", "no-name", "core-count", "flat-list",
    "no-spot", "host-extra",
]  # fmt: skip
UNUSABLE: frozenset[Defect] = frozenset(
    {"sentinel", "another-sku", "no-price", "too-many", "no-name", "host-extra"}
)

SENTINELS_USD = (700.0, 9999.0, 99999.0)
CHIP_HOUR_USD_MAX = 100.0
SIBLING_SHARE_MIN = 0.5
SIBLINGS_MIN = 3
FLAT_REGIONS_MIN = 4
MEMORY_TIMES_MAX = 1.5
GB_PER_MIB = 1.048576 / 1000
CORES_PER_CHIP = 2
_CORES = re.compile(r"tpu-v(?:2|3|4|5p)-(\d+)")  # generations whose slices are named by TensorCores
_SHAPE_WITH_GPU = re.compile(r"^Standard_(?:NC|ND|NCC)|(?:H100|H200|A100|B200|MI300X)", re.IGNORECASE)
MACHINE_CHIPS_MAX = {"h100": 8, "h200": 8, "b200": 8, "mi300x": 8, "a100": 16}


Say = Callable[[Defect, str, str], None]


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """One row of somebody's price list, as it was written."""

    vendor: str
    region: str
    instance: str
    accelerator: str  # what the list calls it; empty where it gives no name
    silicon: str | None  # ours, where it is known
    chips: int | None
    usd_per_hour: float | None  # the whole machine
    spot_usd_per_hour: float | None = None
    memory_mib: int | None = None  # of one chip
    zone: str = ""
    host_extra: bool = False


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing wrong with one row, in words."""

    defect: Defect
    listing: Listing
    what: str
    fix: str


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """A row with what was found against it, and the prices that are left to use."""

    listing: Listing
    chips: int | None
    findings: tuple[Finding, ...]
    chip_hour_usd: float | None
    spot_chip_hour_usd: float | None

    @property
    def defects(self) -> set[Defect]:
        return {finding.defect for finding in self.findings}


def judge(listings: Sequence[Listing], silicon: Mapping[SiliconId, Silicon]) -> list[Judged]:
    """Every row beside its siblings: the same chip at the same vendor."""
    siblings: dict[tuple[str, str], list[float]] = defaultdict(list)
    shapes: dict[tuple[str, str], dict[str, float]] = defaultdict(dict)
    for one in listings:
        each = _each(one.usd_per_hour, chips_of(one))
        if (
            each is not None
            and not _sentinel(one.usd_per_hour)
            and each <= CHIP_HOUR_USD_MAX
            and not one.host_extra
        ):
            siblings[one.vendor, one.silicon or one.accelerator].append(each)
            shapes[one.vendor, one.instance or one.accelerator][one.region] = each
    flat = {
        key for key, seen in shapes.items() if len(seen) >= FLAT_REGIONS_MIN and len(set(seen.values())) == 1
    }
    return [_judged(one, siblings, flat, silicon) for one in listings]


def chips_of(one: Listing) -> int | None:
    cores = _CORES.fullmatch(one.accelerator)
    return int(cores[1]) // CORES_PER_CHIP if cores else one.chips


def _judged(
    one: Listing,
    siblings: dict[tuple[str, str], list[float]],
    flat: set[tuple[str, str]],
    silicon: Mapping[SiliconId, Silicon],
) -> Judged:
    chips = chips_of(one)
    each, spot = _each(one.usd_per_hour, chips), _each(one.spot_usd_per_hour, chips)
    found: list[Finding] = []

    def say(defect: Defect, what: str, fix: str) -> None:
        place = " ".join(part for part in (one.vendor, one.region, one.instance or one.accelerator) if part)
        found.append(Finding(defect=defect, listing=one, what=f"{place}: {what}", fix=fix))

    if not one.accelerator and _SHAPE_WITH_GPU.search(one.instance):
        say("no-name", "an accelerator machine with no accelerator's name", "name its silicon and count")
    if _CORES.fullmatch(one.accelerator):
        say(
            "core-count",
            f"counted in cores; it has {chips} chips",
            "count chips: half the number in the name",
        )
    _judge_shape(one, chips, silicon, say)
    if _sentinel(one.usd_per_hour) or (each is not None and each > CHIP_HOUR_USD_MAX):
        say("sentinel", f"{one.usd_per_hour:g} $/h stands for no price", "leave the price out")
    elif one.usd_per_hour is None or one.usd_per_hour <= 0:
        say("no-price", "no on-demand price", "ask the vendor; until then it is unknown, not free")
    if one.host_extra:
        say("host-extra", "the price is of the accelerator alone", "add the host's price")
    known = siblings.get((one.vendor, one.silicon or one.accelerator), [])
    typical = statistics.median(known) if len(known) >= SIBLINGS_MIN else None
    if each is not None and typical is not None and each < SIBLING_SHARE_MIN * typical and not one.host_extra:
        say(
            "another-sku",
            f"{each:.2f} $ per chip against {typical:.2f} elsewhere",
            "check which product it is",
        )
    if (one.vendor, one.instance or one.accelerator) in flat:
        say("flat-list", "one price in every region", "treat it as a price, not as a sign of capacity")
    if spot is not None and (
        _sentinel(one.spot_usd_per_hour) or (each is not None and spot >= each * 0.9999)
    ):
        say("no-spot", "spot costs what on demand does", "do not plan on spot there")
        spot = None
    usable = not UNUSABLE & {finding.defect for finding in found}
    return Judged(
        listing=one, chips=chips, findings=tuple(found), chip_hour_usd=each if usable else None,
        spot_chip_hour_usd=spot if spot and spot <= CHIP_HOUR_USD_MAX and not one.host_extra else None,
    )  # fmt: skip


def _judge_shape(one: Listing, chips: int | None, silicon: Mapping[SiliconId, Silicon], say: Say) -> None:
    chip = silicon.get(SiliconId(one.silicon or ""))
    most = MACHINE_CHIPS_MAX.get(one.silicon or "") or (chip.chips_per_machine_max if chip else None)
    if chips is not None and most is not None and not 1 <= chips <= most:
        say("too-many", f"{chips} chips in a machine of at most {most}", "correct the count")
    if one.memory_mib is not None and chip is not None and chip.memory_gb is not None:
        gigabytes = one.memory_mib * GB_PER_MIB
        if not 1 / MEMORY_TIMES_MAX <= gigabytes / chip.memory_gb.value <= MEMORY_TIMES_MAX:
            say(
                "wrong-memory", f"{gigabytes:.0f} GB on a chip of {chip.memory_gb.value:g}",
                "the chip's own figure is used",
            )  # fmt: skip


def _each(usd: float | None, chips: int | None) -> float | None:
    return None if usd is None or usd <= 0 or not chips else usd / chips


def _sentinel(usd: float | None) -> bool:
    return usd in SENTINELS_USD


def listing_of(offer: Offer) -> Listing:
    """An offer of the catalog as a row to judge."""

    def whole(each: float | None) -> float | None:
        return None if each is None else each * offer.chips

    return Listing(
        vendor=offer.vendor, region=offer.region, instance=offer.instance, accelerator=offer.silicon,
        silicon=offer.silicon, chips=offer.chips,
        usd_per_hour=whole(offer.chip_hour_usd.value if offer.chip_hour_usd else None),
        spot_usd_per_hour=whole(offer.spot_chip_hour_usd.value if offer.spot_chip_hour_usd else None),
        host_extra="host machine is billed on top" in offer.suspect,
    )  # fmt: skip


def believed(offers: Iterable[Offer], silicon: Mapping[SiliconId, Silicon]) -> list[tuple[Offer, Judged]]:
    """Every offer with its judgement; what the catalog itself suspects of being another product is
    unusable."""
    offers = list(offers)
    judged = judge([listing_of(offer) for offer in offers], silicon)
    return [
        (
            offer,
            msgspec.structs.replace(one, chip_hour_usd=None) if "another product" in offer.suspect else one,
        )
        for offer, one in zip(offers, judged, strict=True)
    ]


class Doubt(msgspec.Struct, frozen=True, kw_only=True):
    """One thing found against one price, for people to read."""

    price: str
    defect: str
    what: str
    fix: str
    used: bool


def doubts(judged: Iterable[tuple[Offer, Judged]]) -> list[Doubt]:
    """Those that are not used first."""
    found = []
    for offer, one in judged:
        name, used = f"{offer.vendor} {offer.region} {offer.instance}", one.chip_hour_usd is not None
        found += [
            Doubt(price=name, defect=said.defect, what=said.what, fix=said.fix, used=used)
            for said in one.findings
        ]
        if "another product" in offer.suspect:
            fix = "check which product it is"
            found.append(
                Doubt(price=name, defect="another-sku", what=f"{name}: {offer.suspect}", fix=fix, used=used)
            )
    return sorted(found, key=lambda one: one.used)


class ChipPrice(msgspec.Struct, frozen=True, kw_only=True):
    """The cheapest price of a chip that can be believed, and where."""

    chip_hour_usd: float
    vendor: str
    region: str
    instance: str
    source: str
    as_of: str

    @property
    def words(self) -> str:
        return f"{self.vendor} {self.region}, {self.source}, {self.as_of}"


def cheapest(offers: Iterable[Offer], silicon: Mapping[SiliconId, Silicon]) -> dict[str, ChipPrice]:
    found: dict[str, ChipPrice] = {}
    for offer, one in believed(offers, silicon):
        if one.chip_hour_usd is None or offer.chip_hour_usd is None:
            continue
        known = found.get(offer.silicon)
        if known is None or one.chip_hour_usd < known.chip_hour_usd:
            found[offer.silicon] = ChipPrice(
                chip_hour_usd=one.chip_hour_usd, vendor=offer.vendor, region=offer.region,
                instance=offer.instance, source=offer.chip_hour_usd.source, as_of=offer.chip_hour_usd.as_of,
            )  # fmt: skip
    return found
