"""What homes stand on: from the catalog, added to, overridden; profiles die with their source region."""

from __future__ import annotations

from pathlib import Path

from freehold.estate.blast import fall
from freehold.estate.graph import graph_of
from freehold.estate.impact import resolve
from freehold.estate.model import Estate
from freehold.estate.standing import unknowns
from tests.estate.conftest import Read

BEDROCK = '[homes.h]\nvendor = "aws"\nregion = "us-east-1"\napi = "bedrock"\nmodel = "m"\n'
WORK = '[workloads.w]\nhomes = ["h"]\n'


def dies(estate: Estate, *services: str) -> bool:
    graph = graph_of(estate)
    return fall(graph, resolve(services, estate, graph)).dead(graph.home("h"))  # type: ignore[arg-type]


def test_home_dies_with_its_region_and_not_with_another(read: Read) -> None:
    estate, _ = read(BEDROCK + "[services.elsewhere]\nkind = 'region'\n" + WORK)
    assert dies(estate, "us-east-1") and dies(estate, "aws.us-east-1.dynamodb")
    assert not dies(estate, "elsewhere")


def test_profile_outlives_any_destination_but_not_its_source(read: Read) -> None:
    estate, _ = read(BEDROCK + 'profile = "us"\n' + WORK)
    assert dies(estate, "aws.us-east-1")
    assert not dies(estate, "aws.us-west-2")
    assert not dies(estate, "aws.us-west-2", "aws.us-east-2")
    destinations = [f"aws.{region}.bedrock-models" for region in ("us-east-1", "us-east-2", "us-west-2")]
    assert dies(estate, *destinations)


def test_home_with_catalog_off_stands_only_on_what_it_says(read: Read) -> None:
    estate, _ = read(BEDROCK + 'catalog = false\nneeds = ["own"]\n[services.own]\n' + WORK)
    assert estate.homes["h"].needs == ("own", "operator.aws")  # type: ignore[index]


def test_own_service_of_a_catalog_id_replaces_it(read: Read) -> None:
    estate, _ = read(BEDROCK + WORK + '[services."aws.us-east-1.sts"]\nall_of = ["aws.us-east-1"]\n')
    assert "aws.us-east-1.dynamodb" not in estate.services


def test_two_foundry_regions_share_one_quota(read: Read) -> None:
    text = '[homes.{0}]\nvendor = "azure"\nregion = "{1}"\napi = "foundry-claude"\nmodel = "m"\n'
    estate, _ = read(text.format("a", "eastus2") + text.format("b", "swedencentral"))
    assert "azure.foundry-quota" in estate.homes["a"].needs  # type: ignore[index]
    assert "azure.foundry-quota" in estate.homes["b"].needs  # type: ignore[index]


def test_foundry_stands_on_anthropics_plane_only_where_anthropic_hosts(read: Read) -> None:
    text = '[homes.{0}]\nvendor = "azure"\nregion = "eastus2"\napi = "foundry-claude"\nmodel = "m"\n'
    estate, catalog = read(text.format("a") + text.format("b") + 'options = { hosting = "azure" }\n')
    theirs, ours = estate.homes.values()
    assert theirs.operator == "anthropic" and "anthropic.plane" in theirs.needs
    assert ours.operator == "azure" and "anthropic.plane" not in ours.needs
    assert any("options.hosting" in one for one in unknowns(theirs, catalog))
    assert not any("options.hosting" in one for one in unknowns(ours, catalog))


def test_global_endpoint_depends_on_no_region_and_has_no_jurisdiction(read: Read) -> None:
    estate, catalog = read('[homes.h]\nvendor = "google"\nregion = "global"\napi = "vertex"\nmodel = "m"\n')
    home = estate.homes["h"]  # type: ignore[index]
    assert "google.vertex-global" in home.needs and home.jurisdiction is None
    assert any("residency" in one for one in unknowns(home, catalog))


def test_own_machines_grow_only_while_launches_work(read: Read) -> None:
    estate, _ = read('[homes.h]\nvendor = "aws"\nregion = "us-east-1"\nsilicon = "h100"\nchips = 8\n')
    home = estate.homes["h"]  # type: ignore[index]
    assert "aws.us-east-1.ec2-launch" in home.grow_needs
    assert not dies(estate, "aws.us-east-1.dynamodb")


def test_vendor_nobody_knows_is_told_and_not_guessed(read: Read) -> None:
    estate, catalog = read('[homes.h]\nvendor = "acme"\napi = "openai"\nmodel = "m"\n')
    home = estate.homes["h"]  # type: ignore[index]
    assert home.needs == ("operator.acme",)
    assert "vendor acme is not in the catalog" in unknowns(home, catalog)[0]


def test_catalog_file_beside_the_estate_is_laid_over(read: Read, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('[services."aws.us-east-1.sts"]\nall_of = ["aws.us-east-1"]\n')
    estate, catalog = read('[estate]\ncatalog = "mine.toml"\n' + BEDROCK)
    assert catalog.origin.endswith("mine.toml")
    assert "aws.us-east-1.dynamodb" not in estate.services
