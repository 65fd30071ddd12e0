"""Other people's price lists: every known defect is caught and named, and nothing unknown becomes zero."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freehold.errors import InputError
from freehold.estate.catalog import Catalog, load
from freehold.estate.catalog.readers import Read, litellm, skypilot
from freehold.estate.catalog.write import to_toml

HEAD = "InstanceType,AcceleratorName,AcceleratorCount,vCPUs,MemoryGiB,GpuInfo,Price,SpotPrice,Region\n"


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load()


def rows(catalog: Catalog, *lines: str, vendor: str = "aws") -> Read:
    return skypilot(HEAD + "\n".join(lines) + "\n", vendor, catalog)


def test_price_is_per_chip(catalog: Catalog) -> None:
    (entry,) = rows(catalog, "p5.48xlarge,H100,8,192,2048,,55.04,20.0,us-east-1").entries
    assert entry["chip_hour_usd"] == 6.88 and entry["spot_chip_hour_usd"] == 2.5
    assert (entry["silicon"], entry["chips"]) == ("h100", 8)


def test_cheapest_zone_of_a_region_is_kept(catalog: Catalog) -> None:
    read = rows(catalog, "p5,H100,8,1,1,,80,40,r", "p5,H100,8,1,1,,72,,r")
    (entry,) = read.entries
    assert entry["chip_hour_usd"] == 9 and entry["spot_chip_hour_usd"] == 5


def test_price_that_is_left_out_stays_unknown(catalog: Catalog) -> None:
    (entry,) = rows(catalog, "trn2.48xlarge,Trainium2,16,192,2048,,,,us-east-2").entries
    assert "chip_hour_usd" not in entry and "spot_chip_hour_usd" not in entry


def test_spot_at_the_full_price_is_no_spot_market(catalog: Catalog) -> None:
    (entry,) = rows(catalog, "p5,H100,8,1,1,,80,80,r").entries
    assert "spot_chip_hour_usd" not in entry


def test_slice_of_v5p_counts_cores_and_of_v6e_chips(catalog: Catalog) -> None:
    read = rows(catalog, ",tpu-v5p-8,1,,,,16.8,,us-east5", ",tpu-v6e-8,1,,,,21.6,,us-east5", vendor="google")
    assert {entry["silicon"]: entry["chips"] for entry in read.entries} == {"tpu-v5p": 4, "tpu-v6e": 8}


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (",tpu-v6e-1,1,,,,700.0,700.0,asia-east1", "catalog.impossible"),
        (",tpu-v6e-256,1,,,,700.0,700.0,asia-east1", "catalog.impossible"),
        ("ND96isr,H100,12,96,1900,H100,98.32,98.32,eastus", "catalog.impossible"),
        ("Standard_NCC40ads_H100_v5,,,40,320,,6.98,1.745,eastus2", "catalog.no-name"),
        (
            "trn2,Trainium2,16,1,1,\"{'Gpus': [{'MemoryInfo': {'SizeInMiB': 524288}}]}\",,,r",
            "catalog.impossible",
        ),
        ("p5,H100,8,1,1,,lots,,r", "catalog.wrong-type"),
        ("p5,H100,some,1,1,,80,,r", "catalog.impossible"),
        ("p5,H100,inf,1,1,,80,,r", "catalog.impossible"),
        ("p5,H100,nan,1,1,,80,,r", "catalog.impossible"),
        ("p5,H100,8,1,1,,nan,,r", "catalog.impossible"),
        ("p5,H100,8,1,1,,80,", "catalog.wrong-type"),
    ],
)
def test_defect_is_named(catalog: Catalog, line: str, code: str) -> None:
    assert code in {problem.code for problem in rows(catalog, line).problems}


def test_price_far_below_its_siblings_is_marked(catalog: Catalog) -> None:
    lines = [f",H100,8,,,,{price},,region-{number}" for number, price in enumerate((80, 81, 82, 33))]
    marked = [entry for entry in rows(catalog, *lines, vendor="google").entries if "suspect" in entry]
    assert [entry["region"] for entry in marked] == ["region-3"]


def test_one_price_everywhere_is_marked_as_a_list_price(catalog: Catalog) -> None:
    read = rows(catalog, *[f"i,B200,8,,,,48,,region-{number}" for number in range(5)], vendor="lambda")
    assert all("listing is not availability" in entry["suspect"] for entry in read.entries)


def test_chip_the_catalog_does_not_know_is_passed_over_and_counted(catalog: Catalog) -> None:
    read = rows(catalog, "g4,T4,1,1,1,,1,,r", "m5,,,1,1,,1,,r")
    assert read.entries == () and sum(read.passed_over.values()) == 2


def test_file_without_its_columns_is_refused(catalog: Catalog) -> None:
    with pytest.raises(InputError) as caught:
        skypilot("a,b\n1,2\n", "aws", catalog)
    assert caught.value.code == "catalog.not-skypilot"


@pytest.mark.needs_data
@pytest.mark.parametrize(
    ("name", "vendor", "least"), [("aws", "aws", 4), ("gcp", "google", 12), ("azure", "azure", 4)]
)
def test_defects_of_the_real_tables_are_all_named(
    catalog: Catalog, shared_data: Path, name: str, vendor: str, least: int
) -> None:
    read = skypilot((shared_data / "catalog" / f"{name}_vms.csv").read_text(), vendor, catalog)
    assert len(read.problems) >= least
    assert all(entry.get("chip_hour_usd", 1) < 30 for entry in read.entries)


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=400))
def test_no_text_breaks_a_reader(catalog: Catalog, text: str) -> None:
    for read in (lambda: skypilot(HEAD + text, "aws", catalog), lambda: litellm(text, catalog)):
        with contextlib.suppress(InputError):  # told what is wrong: as good an end as being read
            assert json.dumps(list(read().entries))


def test_litellm_prices_are_per_million_tokens(catalog: Catalog) -> None:
    text = json.dumps(
        {
            "gpt-5": {"litellm_provider": "openai", "input_cost_per_token": 1.25e-06},
            "us.anthropic.claude-sonnet-4-5-20250929-v1:0": {
                "litellm_provider": "bedrock_converse", "input_cost_per_token": 3.3e-06,
            },
            "gpt-4o": {"litellm_provider": "openai", "input_cost_per_token": 0},
            "unheard-of": {"litellm_provider": "openai", "input_cost_per_token": 1},
            "sample_spec": {"litellm_provider": "one of many"},
        }
    )  # fmt: skip
    read = litellm(text, catalog)
    by_model = {(entry["model"], entry.get("profile", "")): entry for entry in read.entries}
    assert by_model["gpt-5", ""]["input_usd_per_mtok"] == 1.25
    assert by_model["claude-sonnet-4-5", "us"]["input_usd_per_mtok"] == 3.3
    assert "input_usd_per_mtok" not in by_model["gpt-4o", ""]
    assert [problem.code for problem in read.problems] == ["catalog.impossible"]


@pytest.mark.parametrize("text", ["", "[]", "{", "[" * 100_000])
def test_file_that_is_not_litellms_is_refused(catalog: Catalog, text: str) -> None:
    with pytest.raises(InputError) as caught:
        litellm(text, catalog)
    assert caught.value.code == "catalog.not-litellm"


def test_what_is_written_is_read_back_the_same(catalog: Catalog, tmp_path: Path) -> None:
    read = rows(catalog, 'p5"\\,H100,8,1,1,,80,40,r\x7f')
    file = tmp_path / "catalog.toml"
    origin = {"source": 'a "list"', "as_of": "2026-11", "status": "reported"}
    file.write_text(to_toml(read.section, read.entries, origin))
    found = [one for one in load(file).offers if one.region == "r\x7f"]
    assert found[0].chip_hour_usd is not None and found[0].chip_hour_usd.source == 'a "list"'
