"""Other people's price lists, read into the catalog's shapes: SkyPilot's VM tables and LiteLLM's price file.

Row by row: what cannot be true is refused and named, what is unlikely is kept and marked as suspect, what is
not known is left out. A list is never taken whole because most of it is right.
"""

from __future__ import annotations

import csv
import io
import re
import statistics
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import msgspec

from freehold.errors import InputError, Problem
from freehold.estate.catalog.check import CHIP_HOUR_USD_MAX, SIBLING_SHARE_MIN, SIBLINGS_MIN
from freehold.estate.catalog.load import Catalog, Entry
from freehold.estate.catalog.lookup import silicon_id
from freehold.estate.catalog.shapes import Silicon

SKYPILOT_COLUMNS = {"InstanceType", "AcceleratorName", "AcceleratorCount", "Region", "Price", "SpotPrice"}
ROWS_MAX = 500_000
FLAT_REGIONS_MIN = 4  # one price in so many regions, and in all of them: a list price, not an availability
MEMORY_TIMES_MAX = 1.5
GB_PER_MIB = 1.048576 / 1000
SENTINELS_USD = {700.0}  # what the lists themselves write where they have no price, whatever the size
MICRO_PER_UNIT = 1e6
LITELLM_APIS = {
    "anthropic": ("anthropic", "anthropic"),
    "openai": ("openai", "openai"),
    "azure": ("azure", "azure-openai"),
    "azure_ai": ("azure", "foundry-claude"),
    "bedrock": ("aws", "bedrock-invoke"),
    "bedrock_converse": ("aws", "bedrock-converse"),
    "bedrock_mantle": ("aws", "bedrock-messages"),
    "gemini": ("google", "gemini"),
    "vertex_ai-language-models": ("google", "vertex-gemini"),
    "vertex_ai-anthropic_models": ("google", "vertex-claude"),
}

_TPU = re.compile(r"tpu-(v5p|v6e|v5litepod|v5-lite|v5e)-(\d+)")
_GPU_IN_NAME = re.compile(r"(?:^|[_-])(H100|H200|A100|B200|GB200|MI300X|L40S)(?:[_-]|$)", re.IGNORECASE)
_FORTY_GB = {"A100"}  # SkyPilot calls the 80 GB form A100-80GB


class Read(msgspec.Struct, frozen=True, kw_only=True):
    """What a list held: entries ready for a catalog file, what was refused, and what was passed over."""

    section: str
    entries: tuple[Entry, ...]
    problems: tuple[Problem, ...]
    passed_over: dict[str, int]  # reason -> rows


def skypilot(text: str, vendor: str, catalog: Catalog) -> Read:
    """SkyPilot's `vms.csv`, one row for each shape, region and zone; the cheapest zone is kept."""
    table = csv.DictReader(io.StringIO(text))
    missing = SKYPILOT_COLUMNS - set(_columns(table))
    if missing:
        raise InputError(
            "this is not SkyPilot's table of machines",
            why=f"columns are missing: {', '.join(sorted(missing))}",
            fix="give the vms.csv of one cloud, or say --as litellm",
            code="catalog.not-skypilot",
        )
    problems: list[Problem] = []
    passed: dict[str, int] = defaultdict(int)
    cheapest: dict[tuple[str, str, str], Entry] = {}
    for number, row in enumerate(_rows(table), 2):
        if number > ROWS_MAX:
            raise InputError(
                f"the table has more than {ROWS_MAX} rows", why="more is not read", fix="split it",
                code="catalog.too-large",
            )  # fmt: skip
        entry = _offer(row, number, vendor, catalog, problems, passed)
        if entry is None:
            continue
        key = (entry["region"], entry["instance"], entry["silicon"])
        cheapest[key] = _cheaper(cheapest.get(key), entry)
    entries = list(cheapest.values())
    _mark_suspects(entries)
    return Read(section="offers", entries=tuple(entries), problems=tuple(problems), passed_over=dict(passed))


def _columns(table: csv.DictReader[str]) -> list[str]:
    try:
        return list(table.fieldnames or ())
    except csv.Error:
        return []


def _rows(table: csv.DictReader[str]) -> Iterator[dict[str, str]]:
    """Rows with every column as text; what csv itself cannot read is an InputError."""
    try:
        for row in table:
            yield {key: value or "" for key, value in row.items() if isinstance(value, str | None)}
    except csv.Error as error:
        raise InputError(
            "this is not a table of comma-separated values",
            why=f"line {table.line_num}: {error}",
            fix="give the vms.csv of one cloud",
            code="catalog.not-skypilot",
        ) from error


def _offer(
    row: dict[str, str],
    number: int,
    vendor: str,
    catalog: Catalog,
    problems: list[Problem],
    passed: dict[str, int],
) -> Entry | None:
    name, shape = (row["AcceleratorName"] or "").strip(), (row["InstanceType"] or "").strip()
    if not name:
        if _GPU_IN_NAME.search(shape) or _confidential(shape):
            problems.append(_refused("catalog.no-name", number, f"{shape} has an accelerator with no name"))
        else:
            passed["machines without an accelerator"] += 1
        return None
    if not row["Region"].strip():
        problems.append(_refused("catalog.wrong-type", number, f"{shape or name} is in no region"))
        return None
    kind, chips = _kind_and_count(name, row["AcceleratorCount"])
    chip = silicon_id(catalog, kind)
    known = None if chip is None else catalog.silicon.get(chip)
    if known is None or name in _FORTY_GB:
        passed[f"{name}: not in the catalog's silicon"] += 1
        return None
    if chips is None or not 1 <= chips <= (known.chips_per_machine_max or chips):
        most = known.chips_per_machine_max
        what = f"{shape or name}: {chips} {known.id} in one machine, at most {most}"
        problems.append(_refused("catalog.impossible", number, what))
        return None
    entry: Entry = {
        "vendor": vendor, "region": row["Region"], "instance": shape or name,
        "silicon": known.id, "chips": chips,
    }  # fmt: skip
    if _confidential(shape):
        entry["confidential"] = True
    price = _price(row["Price"], chips, number, f"{shape or name} in {row['Region']}", problems)
    spot = _price(row["SpotPrice"], chips, number, f"{shape or name} spot in {row['Region']}", problems)
    if price is not None:
        entry["chip_hour_usd"] = price
    if spot is not None and spot != price:  # the same: there is no spot market there
        entry["spot_chip_hour_usd"] = spot
    wrong = _wrong_memory(row.get("GpuInfo") or "", known)
    if wrong:
        problems.append(_refused("catalog.impossible", number, f"{shape}: {wrong}; the price is kept"))
    return entry


def _kind_and_count(name: str, count: str) -> tuple[str, int | None]:
    """A TPU slice says its size in its name; v5p counts TensorCores, of which a chip has two."""
    slice_ = _TPU.fullmatch(name)
    if slice_ is not None:
        kind, size = slice_[1], int(slice_[2])
        chip = "tpu-v5e" if kind in ("v5litepod", "v5-lite", "v5e") else f"tpu-{kind}"
        return chip, max(1, size // 2) if kind == "v5p" else size
    try:
        exact = float(count)
        return name, int(exact) if exact == int(exact) else None
    except (TypeError, ValueError, OverflowError):  # no number, not a number, infinity
        return name, None


def _price(text: str | None, chips: int, number: int, what: str, problems: list[Problem]) -> float | None:
    if not (text or "").strip():
        return None
    try:
        whole = float(text or "")
    except ValueError:
        problems.append(_refused("catalog.wrong-type", number, f"{what}: {text!r} is no price"))
        return None
    if whole in SENTINELS_USD:
        problems.append(
            _refused("catalog.impossible", number, f"{what}: {whole:g} stands for no price; left out")
        )
        return None
    each = whole / chips
    if not 0 < each <= CHIP_HOUR_USD_MAX:
        problems.append(
            _refused("catalog.impossible", number, f"{what}: {each:g} dollars an hour for one chip; left out")
        )
        return None
    return round(each, 6)


def _wrong_memory(info: str, known: Silicon) -> str:
    size = re.search(r"'SizeInMiB': (\d+)", info)
    if size is None or known.memory_gb is None:
        return ""
    gigabytes = int(size[1]) * GB_PER_MIB
    times = gigabytes / known.memory_gb.value
    if 1 / MEMORY_TIMES_MAX <= times <= MEMORY_TIMES_MAX:
        return ""
    return f"{gigabytes:.0f} GB of memory on one {known.id}, which has {known.memory_gb.value:g}"


def _confidential(shape: str) -> bool:
    return shape.startswith(("Standard_NCC", "Standard_DC"))


def _cheaper(one: Entry | None, other: Entry) -> Entry:
    """Zones of one region together: the lowest of each price that is known."""
    if one is None:
        return other
    merged = {**other, **one}
    for key in ("chip_hour_usd", "spot_chip_hour_usd"):
        known = [entry[key] for entry in (one, other) if key in entry]
        if known:
            merged[key] = min(known)
    return merged


def _mark_suspects(entries: list[Entry]) -> None:
    by_chip: dict[str, list[float]] = defaultdict(list)
    by_shape: dict[str, list[float]] = defaultdict(list)
    for entry in entries:
        if "chip_hour_usd" in entry:
            by_chip[entry["silicon"]].append(entry["chip_hour_usd"])
            by_shape[entry["instance"]].append(entry["chip_hour_usd"])
    for entry in entries:
        price = entry.get("chip_hour_usd")
        siblings, alike = by_chip[entry["silicon"]], by_shape[entry["instance"]]
        if price is None:
            continue
        if len(siblings) >= SIBLINGS_MIN and price < SIBLING_SHARE_MIN * statistics.median(siblings):
            entry["suspect"] = "less than half the price of sibling regions: probably another product"
        elif len(alike) >= FLAT_REGIONS_MIN and len(set(alike)) == 1:
            entry["suspect"] = "one price listed for every region: listing is not availability"


def litellm(text: str, catalog: Catalog) -> Read:
    """LiteLLM's model_prices_and_context_window.json: list prices of models the catalog knows."""
    try:
        table = msgspec.json.decode(text.encode(), type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError) as error:
        raise InputError(
            "this is not LiteLLM's price file", why=str(error), fix="give its JSON, or say --as skypilot",
            code="catalog.not-litellm",
        ) from error  # fmt: skip
    names = {
        name: facts.id for facts in catalog.models.values() for name in (facts.id, *facts.names.values())
    }
    problems: list[Problem] = []
    passed: dict[str, int] = defaultdict(int)
    entries: dict[tuple[str, ...], Entry] = {}
    for number, (key, facts) in enumerate(table.items(), 1):
        for entry in _token_price(key, facts, number, names, problems, passed):
            place = tuple(entry.get(part, "") for part in ("model", "vendor", "api", "profile"))
            entries.setdefault(place, entry)
    return Read(
        section="prices", entries=tuple(entries.values()), problems=tuple(problems), passed_over=dict(passed)
    )


def _token_price(
    key: str,
    facts: Any,
    number: int,
    names: dict[str, Any],
    problems: list[Problem],
    passed: dict[str, int],
) -> Iterator[Entry]:
    place = LITELLM_APIS.get(facts.get("litellm_provider", "")) if isinstance(facts, dict) else None
    if place is None:
        passed["vendors that the catalog has no surface for"] += 1
        return
    bare = key.rpartition("/")[2]
    prefix = bare.partition(".")[0]
    profile = prefix if prefix in ("us", "eu", "apac", "jp", "au", "us-gov", "global") else ""
    model = names.get(bare.removeprefix(f"{profile}.") if profile else bare)
    if model is None or "/" in key.removeprefix(f"{key.partition('/')[0]}/"):
        passed["models that the catalog does not know"] += 1
        return
    entry: Entry = {"model": model, "vendor": place[0], "api": place[1]}
    if profile:
        entry["profile"] = profile
    for ours, theirs in (
        ("input_usd_per_mtok", "input_cost_per_token"), ("output_usd_per_mtok", "output_cost_per_token"),
        ("cache_read_usd_per_mtok", "cache_read_input_token_cost"),
        ("cache_write_usd_per_mtok", "cache_creation_input_token_cost"),
    ):  # fmt: skip
        value = facts.get(theirs)
        if isinstance(value, int | float) and not isinstance(value, bool) and value > 0:
            entry[ours] = round(value * MICRO_PER_UNIT, 6)
        elif value is not None:
            problems.append(_refused("catalog.impossible", number, f"{key}.{theirs} is {value!r}; left out"))
    yield entry


def _refused(code: str, row: int, what: str) -> Problem:
    return Problem(code=code, what=what, why="it cannot be true", fix="check it with the vendor", line=row)
