"""Reading the catalog: the package's data files, with a user's own file laid over them.

Sections are read when they are first asked for: `freehold blast` needs services, and pays for no prices.
"""

from __future__ import annotations

import csv
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from functools import cache, cached_property
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar, get_args

import msgspec

from freehold.errors import InputError
from freehold.estate.catalog.shapes import (
    Commitment,
    DrillClass,
    Figure,
    Incident,
    ModelFacts,
    Offer,
    Profile,
    Region,
    Service,
    Silicon,
    Surface,
    TokenPrice,
    Vendor,
)
from freehold.types.names import ModelId, ServiceId, SiliconId

Entry = dict[str, Any]
T = TypeVar("T", bound=msgspec.Struct)

OWN_BYTES_MAX = 20_000_000
KEYED = ("sources", "vendors", "services", "silicon", "models", "classes", "incidents")
LISTED = ("surfaces", "profiles", "prices", "offers", "commitments")

CSV_NUMBERS = {
    "offers": ("chips", "chip_hour_usd", "spot_chip_hour_usd"),
    "prices": (
        "input_usd_per_mtok", "output_usd_per_mtok", "cache_read_usd_per_mtok", "cache_write_usd_per_mtok",
    ),
}  # fmt: skip


class Catalog:
    """Everything publicly known, by section. Made by `load()`."""

    def __init__(self, own: Mapping[str, Any] | None = None, *, origin: str = "") -> None:
        self.own = own or {}
        self.origin = origin  # the user's own file, where there is one

    @cached_property
    def sources(self) -> dict[str, Entry]:
        return {id: dict(entry) for id, entry in self._keyed("sources").items()}

    @cached_property
    def vendors(self) -> dict[str, Vendor]:
        return {id: _vendor(id, entry, self) for id, entry in self._keyed("vendors").items()}

    @cached_property
    def services(self) -> dict[ServiceId, Service]:
        """By id; an id with `{region}` in it stands for one service in every region (see `service`)."""
        return {
            ServiceId(id): self.read(Service, {"id": id, **e}) for id, e in self._keyed("services").items()
        }

    @cached_property
    def surfaces(self) -> tuple[Surface, ...]:
        return self._listed("surfaces", Surface, ("vendor", "api"))

    @cached_property
    def profiles(self) -> dict[tuple[str, str], Profile]:
        """By (vendor, profile)."""
        return {(p.vendor, p.id): p for p in self._listed("profiles", Profile, ("vendor", "id"))}

    @cached_property
    def silicon(self) -> dict[SiliconId, Silicon]:
        return {
            SiliconId(id): self.read(Silicon, {"id": id, **e}) for id, e in self._keyed("silicon").items()
        }

    @cached_property
    def models(self) -> dict[ModelId, ModelFacts]:
        return {
            ModelId(id): self.read(ModelFacts, {"id": id, **e}) for id, e in self._keyed("models").items()
        }

    @cached_property
    def prices(self) -> tuple[TokenPrice, ...]:
        return self._listed("prices", TokenPrice, ("model", "vendor", "api", "region", "profile"))

    @cached_property
    def offers(self) -> tuple[Offer, ...]:
        return self._listed("offers", Offer, ("vendor", "region", "instance"))

    @cached_property
    def commitments(self) -> tuple[Commitment, ...]:
        return self._listed("commitments", Commitment, ("vendor", "product", "instance"))

    @cached_property
    def incidents(self) -> dict[str, Incident]:
        return {id: self.read(Incident, {"id": id, **e}) for id, e in self._keyed("incidents").items()}

    @cached_property
    def classes(self) -> dict[str, DrillClass]:
        return {id: self.read(DrillClass, {"id": id, **e}) for id, e in self._keyed("classes").items()}

    def read(self, kind: type[T], entry: Mapping[str, Any]) -> T:
        """One entry as a struct, each plain number in a figure field joined with its source."""
        return msgspec.convert(sourced(kind, entry, self.sources), kind)

    def _keyed(self, section: str) -> dict[str, Entry]:
        merged: dict[str, Entry] = {id: dict(e) for id, e in _packaged(section).get(section, {}).items()}
        for id, entry in self.own.get(section, {}).items():
            merged[id] = {**merged.get(id, {}), **entry}
        return merged

    def _listed(self, section: str, kind: type[T], key: tuple[str, ...]) -> tuple[T, ...]:
        merged: dict[tuple[Any, ...], Entry] = {}
        for entry in (*_rows(section), *self.own.get(section, ())):
            place = tuple(entry.get(name, "") for name in key)
            merged[place] = {**merged.get(place, {}), **entry}
        return tuple(self.read(kind, entry) for entry in merged.values())


def load(own: Path | None = None) -> Catalog:
    """The catalog in the package, corrected and extended by a file of the user's own."""
    return Catalog() if own is None else Catalog(read_own(own), origin=str(own))


def read_own(path: Path) -> dict[str, Any]:
    """A user's catalog file as plain data; its content is checked by `check.problems`."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise InputError(
            f"the catalog file {str(path)!r} cannot be read",
            why=error.strerror or type(error).__name__,
            fix="correct estate.catalog or --catalog, or make the file readable",
            code="catalog.unreadable",
        ) from error
    if len(raw) > OWN_BYTES_MAX:
        raise InputError(
            f"the catalog file {str(path)!r} has {len(raw)} bytes",
            why=f"at most {OWN_BYTES_MAX} are read",
            fix="split it, or import less",
            code="catalog.too-large",
        )
    try:
        table = tomllib.loads(raw.decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise InputError(
            f"the catalog file {str(path)!r} is not TOML",
            why=str(error),
            fix="correct it; `freehold catalog import` writes such files",
            code="catalog.not-toml",
        ) from error
    for section, content in table.items():
        _refuse_shape(section, content, path)
    return table


def _refuse_shape(section: str, content: Any, path: Path) -> None:
    """[section.NAME] tables or [[section]] tables, whatever they hold."""
    entries = content.values() if isinstance(content, dict) else content
    right: Any = dict if section in KEYED else list if section in LISTED else object
    if isinstance(content, right) and (right is object or all(isinstance(one, dict) for one in entries)):
        return
    raise InputError(
        f"the catalog file {str(path)!r} writes {section!r} in another shape than the catalog has",
        why=f"it is written as {f'[[{section}]]' if section in LISTED else f'[{section}.NAME]'}",
        fix="see the reference of the catalog",
        code="catalog.wrong-type",
    )


def sourced(kind: type[msgspec.Struct], entry: Mapping[str, Any], sources: Mapping[str, Entry]) -> Entry:
    """`from` resolved: for the entry itself, and for each figure that names no source of its own."""
    filled = {key: value for key, value in entry.items() if key != "from"}
    default = _source(entry, sources)
    for name in _figure_fields(kind):
        if name in filled:
            filled[name] = _figure(filled[name], default, sources)
    return {**default, **filled} if "source" in kind.__struct_fields__ else filled


@cache
def _figure_fields(kind: type[msgspec.Struct]) -> tuple[str, ...]:
    fields = msgspec.structs.fields(kind)
    return tuple(field.name for field in fields if Figure in (field.type, *get_args(field.type)))


def _figure(value: Any, default: Entry, sources: Mapping[str, Entry]) -> Any:
    if isinstance(value, int | float):
        return {"value": value, **default}
    if isinstance(value, dict):
        rest = {key: item for key, item in value.items() if key != "from"}
        return {**(_source(value, sources) if "from" in value else default), **rest}
    return value  # of the wrong type: the conversion says so


def _source(entry: Mapping[str, Any], sources: Mapping[str, Entry]) -> Entry:
    """Source, date and status of an entry: its own, else those of the source it names."""
    named = dict(sources.get(entry.get("from", ""), {}))
    own = {key: entry[key] for key in ("source", "as_of", "status") if key in entry}
    return {**named, **own}


def _vendor(id: str, entry: Entry, catalog: Catalog) -> Vendor:
    regions = {
        name: msgspec.structs.asdict(Region(id=name, vendor=id, **facts))
        for name, facts in entry.get("regions", {}).items()
    }
    return catalog.read(Vendor, {"id": id, **entry, "regions": regions})


@cache
def _packaged(section: str) -> dict[str, Any]:
    text = resources.files(__package__).joinpath("data", f"{section}.toml").read_text()
    return tomllib.loads(text)


@cache
def _rows(section: str) -> Sequence[Entry]:
    """The rows of a listed section: [[section]] in TOML, or the lines of a CSV file."""
    if section not in CSV_NUMBERS:
        return _packaged(section).get(section, [])  # type: ignore[no-any-return]  # TOML is untyped
    text = resources.files(__package__).joinpath("data", f"{section}.csv").read_text()
    return [_row(line, CSV_NUMBERS[section]) for line in csv.DictReader(text.splitlines())]


def _row(line: Mapping[str, str], numbers: Iterable[str]) -> Entry:
    """Empty cells are left out: unknown, never zero."""
    entry: Entry = {key: value for key, value in line.items() if value}
    for name in numbers:
        if name in entry:
            entry[name] = int(entry[name]) if name == "chips" else float(entry[name])
    if "confidential" in entry:
        entry["confidential"] = entry["confidential"] == "yes"
    return entry
