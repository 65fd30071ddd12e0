from __future__ import annotations

import ast
import csv
from pathlib import Path

import pytest

from freehold.estate.catalog import load
from freehold.plan.prices import Judged, Listing, believed, cheapest, judge

SILICON = load().silicon
ALIASES = {alias: id for id, chip in SILICON.items() for alias in chip.aliases}


def row(**facts: object) -> Listing:
    usual: dict[str, object] = {
        "vendor": "v", "region": "r", "instance": "m", "accelerator": "H100", "silicon": "h100", "chips": 8,
        "usd_per_hour": 80.0,
    }  # fmt: skip
    return Listing(**{**usual, **facts})  # type: ignore[arg-type]  # facts of the test


def found(one: Listing, *siblings: Listing) -> Judged:
    return judge([one, *siblings], SILICON)[0]


def listings(path: Path) -> list[Listing]:
    """The normalised offers as rows."""
    with path.open(encoding="utf-8") as file:
        return [
            Listing(
                vendor=line["provider"], region=line["region"], zone=line["zone"], instance=line["instance"],
                accelerator=line["accelerator"], silicon=ALIASES.get(line["accelerator"]),
                chips=int(float(line["n_chips"])), usd_per_hour=number(line["price_usd_h"]),
                spot_usd_per_hour=number(line["spot_usd_h"]),
                host_extra="host VM billed extra" in line["note"],
            )
            for line in csv.DictReader(file)
        ]  # fmt: skip


def machines(path: Path, vendor: str) -> list[Listing]:
    """The rows of a table of machines in SkyPilot's layout."""
    out = []
    with path.open(encoding="utf-8") as file:
        for line in csv.DictReader(file):
            name = line["AcceleratorName"]
            info = line["GpuInfo"]
            memory = (
                ast.literal_eval(info)["Gpus"][0]["MemoryInfo"]["SizeInMiB"] if "SizeInMiB" in info else None
            )
            out.append(
                Listing(
                    vendor=vendor, region=line["Region"], instance=line["InstanceType"], accelerator=name,
                    silicon=ALIASES.get(name), chips=int(float(line["AcceleratorCount"] or 0)) or None,
                    usd_per_hour=number(line["Price"]), spot_usd_per_hour=number(line["SpotPrice"]),
                    memory_mib=memory,
                )
            )  # fmt: skip
    return out


def number(text: str) -> float | None:
    return float(text) if text else None


def defects(judged: list[Judged], **facts: str) -> set[str]:
    mine = [
        one for one in judged if all(value in str(getattr(one.listing, key)) for key, value in facts.items())
    ]
    assert mine, facts
    return {defect for one in mine for defect in one.defects}


def test_defect_1_placeholder_of_700_is_named_and_never_a_price(shared_data: Path) -> None:
    judged = judge(listings(shared_data / "catalog/offers.csv"), SILICON)
    bad = [one for one in judged if one.listing.usd_per_hour == 700.0]
    assert bad
    assert all("sentinel" in one.defects and one.chip_hour_usd is None for one in bad)


def test_defect_2_price_of_another_product_is_named_and_never_wins(shared_data: Path) -> None:
    judged = judge(listings(shared_data / "catalog/offers.csv"), SILICON)
    cheap = [
        one for one in judged if one.listing.accelerator == "H100" and one.listing.usd_per_hour == 33.6104
    ]
    cheap = cheap or [
        one for one in judged if one.listing.vendor == "gcp" and (one.listing.usd_per_hour or 99) < 34
        and one.listing.accelerator in ("H100", "H100-MEGA") and one.listing.chips == 8
    ]  # fmt: skip
    assert cheap
    assert all({"another-sku", "host-extra"} & one.defects and one.chip_hour_usd is None for one in cheap)


def test_defect_3_wrong_memory_and_missing_price_are_named(shared_data: Path) -> None:
    judged = judge(machines(shared_data / "catalog/aws_vms.csv", "aws"), SILICON)
    assert "wrong-memory" in defects(judged, instance="trn2")
    assert "no-price" in defects(judged, instance="trn2.48xlarge")
    assert "no-price" in defects(judged, instance="p5e.48xlarge")


def test_defect_4_twelve_chips_in_a_machine_of_eight_are_named(shared_data: Path) -> None:
    judged = judge(machines(shared_data / "catalog/azure_vms.csv", "azure"), SILICON)
    assert "too-many" in defects(judged, instance="ND96isr_H100")


def test_defect_5_confidential_machine_without_a_name_is_named(shared_data: Path) -> None:
    judged = judge(machines(shared_data / "catalog/azure_vms.csv", "azure"), SILICON)
    assert "no-name" in defects(judged, instance="NCC40ads_H100")


def test_defect_6_slices_counted_in_cores_are_counted_in_chips(shared_data: Path) -> None:
    with (shared_data / "catalog/gcp_vms.csv").open(encoding="utf-8") as file:
        names = {line["AcceleratorName"] for line in csv.DictReader(file)}
    sliced = found(row(vendor="gcp", accelerator="tpu-v5p-8", silicon="tpu-v5p", chips=8, usd_per_hour=16.8))
    assert sliced.chips == 4
    assert "core-count" in sliced.defects
    assert any(name.startswith("tpu-v5p-") for name in names)
    six = found(row(accelerator="tpu-v6e-8", silicon="tpu-v6e", chips=8))
    assert six.chips == 8
    assert "core-count" not in six.defects


def test_defect_7_one_price_in_every_region_is_a_list(shared_data: Path) -> None:
    judged = judge(listings(shared_data / "catalog/offers.csv"), SILICON)
    assert "flat-list" in defects(judged, vendor="lambda")
    assert "flat-list" not in defects(judged, vendor="aws", accelerator="H200")


def test_defect_8_spot_at_the_on_demand_price_is_no_spot(shared_data: Path) -> None:
    judged = judge(listings(shared_data / "catalog/offers.csv"), SILICON)
    mine = [
        one
        for one in judged
        if one.listing.spot_usd_per_hour
        and abs(one.listing.spot_usd_per_hour - (one.listing.usd_per_hour or 0)) < 0.001
    ]
    assert len(mine) > 10
    assert all("no-spot" in one.defects and one.spot_chip_hour_usd is None for one in mine)


@pytest.mark.parametrize("usd", [None, 0.0, -1.0, 700.0, 9999.0, 1e9])
def test_price_that_is_none_is_unknown_and_not_free(usd: float | None) -> None:
    judged = found(row(usd_per_hour=usd))
    assert judged.chip_hour_usd is None
    assert judged.findings
    assert all(finding.what and finding.fix for finding in judged.findings)


def test_price_in_line_with_its_siblings_is_believed() -> None:
    siblings = [row(region=f"r{i}", usd_per_hour=80.0 + i) for i in range(4)]
    judged = found(row(usd_per_hour=78.0), *siblings)
    assert judged.chip_hour_usd == pytest.approx(78 / 8)
    assert judged.defects == set()


def test_cheapest_of_the_packaged_catalog_is_never_suspect_or_free() -> None:
    catalog = load()
    prices = cheapest(catalog.offers, catalog.silicon)
    assert prices["h100"].chip_hour_usd == pytest.approx(2.95)
    assert "trainium2" not in prices
    for offer, one in believed(catalog.offers, catalog.silicon):
        assert one.chip_hour_usd is None or one.chip_hour_usd > 0
        assert not (one.chip_hour_usd and "another product" in offer.suspect)
