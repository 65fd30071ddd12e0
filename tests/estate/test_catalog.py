"""The packaged catalog is whole and true as far as a machine can tell; a user's file adds and corrects."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from freehold.errors import InputError
from freehold.estate.catalog import Catalog, age, load, lookup
from freehold.estate.catalog.check import problems, suspects

SILICON = [
    "h100", "h200", "b200", "gb200", "gb300", "a100", "l4", "l40s", "mi300x", "mi325x", "mi355x",
    "trainium1", "trainium2", "trainium3", "inferentia2", "tpu-v5e", "tpu-v5p", "tpu-v6e", "tpu-v7",
    "maia-100", "maia-200",
]  # fmt: skip
CLAUDE = {
    "anthropic": "anthropic", "bedrock-invoke": "aws", "bedrock-converse": "aws", "bedrock-messages": "aws",
    "claude-on-aws": "anthropic", "vertex-claude": "google", "claude-on-google": "anthropic",
    "foundry-claude": "anthropic",
}  # fmt: skip
VENDORS = {"aws", "google", "azure", "anthropic", "openai", "cloudflare", "nvidia", "oci", "self"}
TODAY = datetime.date(2026, 11, 20)


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load()


def own(tmp_path: Path, text: str) -> Catalog:
    file = tmp_path / "catalog.toml"
    file.write_text(text)
    return load(file)


def test_packaged_catalog_holds_nothing_impossible(catalog: Catalog) -> None:
    assert problems(catalog) == []


def test_every_chip_of_the_list_is_there_under_its_plain_id(catalog: Catalog) -> None:
    assert list(catalog.silicon) == SILICON


def test_claude_has_eight_surfaces_each_with_who_runs_it(catalog: Catalog) -> None:
    found = {row.api: row.operator for row in catalog.surfaces if row.api in CLAUDE}
    assert found == CLAUDE


def test_foundry_says_by_its_hosting_who_runs_the_silicon(catalog: Catalog) -> None:
    assert lookup.operator(catalog, "azure", "foundry-claude", "2") == "azure"
    assert lookup.operator(catalog, "azure", "foundry-claude", "1") == "anthropic"


def test_vendors_have_services_that_homes_can_stand_on(catalog: Catalog) -> None:
    assert {one.vendor for one in catalog.services.values()} >= VENDORS


def test_sixteen_incidents_have_times_a_root_and_a_source(catalog: Catalog) -> None:
    assert len(catalog.incidents) >= 16
    for one in catalog.incidents.values():
        assert one.effects and one.root and one.source and one.minutes and age.as_date(one.starts)


def test_ten_technical_classes_and_five_of_partners(catalog: Catalog) -> None:
    groups = [one.group for one in catalog.classes.values()]
    assert groups.count("technical") == 10 and groups.count("partner") == 5


def test_every_figure_of_silicon_says_who_claims_it(catalog: Catalog) -> None:
    for chip in catalog.silicon.values():
        assert chip.memory_gb is not None and chip.memory_gb.source and chip.memory_gb.as_of
        assert chip.stacks


def test_service_of_a_region_is_made_from_its_row(catalog: Catalog) -> None:
    made = lookup.service(catalog, "aws.eu-west-1.sts")  # type: ignore[arg-type]
    assert made is not None and made.all_of == ("aws.eu-west-1", "aws.eu-west-1.dynamodb")
    assert lookup.service(catalog, "aws.{region}.sts") is None  # type: ignore[arg-type]


def test_global_profile_has_no_known_jurisdiction(catalog: Catalog) -> None:
    assert lookup.jurisdiction(catalog, "aws", "eu-central-1", "global") is None
    assert lookup.jurisdiction(catalog, "aws", "eu-central-1", "eu") == "eu"
    assert lookup.jurisdiction(catalog, "aws", "eu-central-1", None) == "eu"


def test_vendor_and_chip_are_found_by_their_other_names(catalog: Catalog) -> None:
    assert lookup.vendor(catalog, "Microsoft").id == "azure"  # type: ignore[union-attr]
    assert lookup.silicon_id(catalog, "trn2") == "trainium2"
    assert lookup.silicon_id(catalog, "abacus") == "abacus"


def test_most_particular_price_is_taken(catalog: Catalog) -> None:
    plain = lookup.token_price(catalog, "claude-sonnet-4-5", "aws", "bedrock-converse", "us-east-1", None)
    eu = lookup.token_price(catalog, "claude-sonnet-4-5", "aws", "bedrock-converse", "eu-west-1", "eu")
    assert plain is not None and plain.input_usd_per_mtok is not None
    assert eu is not None and eu.input_usd_per_mtok is not None
    assert eu.input_usd_per_mtok.value > plain.input_usd_per_mtok.value


def test_suspect_prices_are_those_of_the_wrong_product(catalog: Catalog) -> None:
    assert {(one.vendor, one.silicon) for one in suspects(catalog.offers)} == {("google", "h100")}


def test_own_file_corrects_one_figure_and_keeps_the_rest(tmp_path: Path) -> None:
    found = own(tmp_path, '[silicon.h100]\npower_w = { value = 650, source = "us", as_of = "2026" }\n')
    chip = found.silicon["h100"]  # type: ignore[index]
    assert chip.power_w is not None and chip.power_w.value == 650 and chip.power_w.source == "us"
    assert chip.memory_gb is not None and chip.memory_gb.value == 80


def test_own_file_adds_a_chip(tmp_path: Path) -> None:
    text = (
        '[sources.us]\nsource = "us"\nas_of = "2026-01"\nstatus = "assumed"\n'
        '[silicon.abacus]\nname = "Abacus"\nmaker = "us"\nfrom = "us"\nmemory_gb = 8\n'
    )
    chip = own(tmp_path, text).silicon["abacus"]  # type: ignore[index]
    assert chip.memory_gb is not None and chip.memory_gb.status == "assumed"


OFFER = '[[offers]]\nvendor = "v"\nregion = "r"\ninstance = "i"\nsilicon = '
SURFACE = '[[surfaces]]\nvendor = "nobody"\napi = "x"\nname = "X"\noperator = "nobody"\n'
IMPOSSIBLE = [
    (OFFER + '"h100"\nchips = 12\n', "catalog.impossible"),
    (OFFER + '"h100"\nchips = 1\n'
     'chip_hour_usd = { value = 700, source = "s", as_of = "2026" }\n', "catalog.impossible"),
    (OFFER + '""\nchips = 1\n', "catalog.no-name"),
    (OFFER + '"x"\nchips = 1\n', "catalog.unknown-silicon"),
    ('[silicon.x]\nname = ""\nmaker = "m"\n', "catalog.no-name"),
    ('[silicon.x]\nname = "X"\nmaker = "m"\nmemory_gb = { value = 9e9, source = "s", as_of = "2026" }\n',
     "catalog.impossible"),
    ('[silicon.x]\nname = "X"\nmaker = "m"\nmemory_gb = { value = 9, source = "", as_of = "2026" }\n',
     "catalog.no-source"),
    ('[silicon.x]\nname = "X"\nmaker = "m"\nmemory_gb = { value = 9, source = "s", as_of = "soon" }\n',
     "catalog.no-date"),
    ('[[prices]]\nmodel = "x"\nvendor = "aws"\napi = "bedrock-converse"\n', "catalog.unknown-model"),
    ('[[prices]]\nmodel = "gpt-5"\nvendor = "openai"\napi = "openai"\n'
     'input_usd_per_mtok = { value = 0, source = "s", as_of = "2026" }\n', "catalog.impossible"),
    ('[services.a]\nall_of = ["b"]\n', "catalog.unknown-service"),
    ('[services.a]\nall_of = ["b"]\n[services.b]\nany_of = ["a"]\n', "catalog.cycle"),
    ('[services.a]\noutages_per_year = -1\n', "catalog.impossible"),
    (SURFACE, "catalog.unknown-vendor"),
    ("[nonsense]\nx = 1\n", "catalog.unknown-section"),
    ("[silicon.h100]\nname = 7\n", "catalog.wrong-type"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "code"), IMPOSSIBLE)
def test_impossible_value_is_refused_by_name(tmp_path: Path, text: str, code: str) -> None:
    assert code in {problem.code for problem in problems(own(tmp_path, text))}


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"\xff\xfe", "catalog.not-toml"),
        (b"= 1", "catalog.not-toml"),
        (b"x = " + b"[" * 5000, "catalog.not-toml"),
        (b"[silicon]\nh100 = 7\n", "catalog.wrong-type"),
        (b"silicon = 7\n", "catalog.wrong-type"),
        (b"offers = 7\n", "catalog.wrong-type"),
        (b"[offers.x]\n", "catalog.wrong-type"),
    ],
)
def test_file_that_is_no_catalog_is_refused(tmp_path: Path, raw: bytes, code: str) -> None:
    file = tmp_path / "catalog.toml"
    file.write_bytes(raw)
    with pytest.raises(InputError) as caught:
        load(file)
    assert caught.value.code == code


def test_catalog_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        load(tmp_path / "none.toml")
    assert caught.value.code == "catalog.unreadable" and "none.toml" in caught.value.what


@pytest.mark.parametrize(
    ("as_of", "kind", "stale"),
    [
        ("2026-11-01", "price", False), ("2026-01", "price", True), ("2025", "silicon", False),
        ("", "price", True), ("never", "offer", True), ("2017-02-28", "incident", False),
    ],
)  # fmt: skip
def test_age_limit_is_that_of_the_kind(as_of: str, kind: str, stale: bool) -> None:
    assert age.is_stale(as_of, kind, TODAY) is stale
    assert bool(age.mark(as_of, kind, TODAY)) is stale
