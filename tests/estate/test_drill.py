"""Drills: the examples tell October 2025 as it was; capacity, stampedes and what is not known are honest."""

from __future__ import annotations

import msgspec
import pytest

from freehold.estate.catalog import Catalog
from freehold.estate.drill import Drill, Report, play
from freehold.estate.graph import graph_of
from freehold.estate.model import Estate
from freehold.estate.scenario import of_class, of_incident
from freehold.types.names import WorkloadId
from tests.estate.conftest import Read, load_example


def incident(known: tuple[Estate, Catalog], name: str) -> dict[WorkloadId, Report]:
    estate, catalog = known
    graph = graph_of(estate)
    drill = play(of_incident(catalog.incidents[name], estate, graph), estate, graph)
    return {one.workload: one for one in drill.workloads}


def classes(known: tuple[Estate, Catalog], name: str) -> dict[str, Drill]:
    estate, catalog = known
    graph = graph_of(estate)
    scenarios = of_class(catalog.classes[name], estate, graph, catalog)
    return {one.what: play(one, estate, graph) for one in scenarios}


def worst(drill: Drill) -> dict[str, str]:
    return {str(one.workload): one.worst for one in drill.workloads}


def test_startup_goes_down_on_20_october_until_dynamodb_is_back() -> None:
    found = incident(load_example("startup"), "aws-2025-10-20")
    chat = found[WorkloadId("support-chat")]
    assert chat.down == ((0.0, 172.0),)
    assert chat.unserved == pytest.approx(300 * 172)
    assert "aws.us-east-1.dynamodb" in chat.because[0]


def test_startups_machines_keep_running_on_20_october_and_cannot_grow() -> None:
    search = incident(load_example("startup"), "aws-2025-10-20")[WorkloadId("document-search")]
    assert search.worst == "up" and search.frozen == ((0.0, 842.0),)


def test_bank_is_not_touched_on_20_october_and_down_on_the_29th_by_its_portal() -> None:
    known = load_example("bank")
    assert {one.worst for one in incident(known, "aws-2025-10-20").values()} == {"up"}
    letters = incident(known, "azure-2025-10-29")[WorkloadId("advice-letters")]
    assert letters.down == ((0.0, 500.0),)
    assert "branch-portal" in letters.because[0]


def test_lab_stays_up_through_both_days_of_october() -> None:
    known = load_example("lab")
    for name in ("aws-2025-10-20", "azure-2025-10-29"):
        assert {one.worst for one in incident(known, name).values()} == {"up"}


def test_global_policy_plane_takes_every_region_of_one_vendor(example: tuple[Estate, Catalog]) -> None:
    estate, _ = example
    for drill in [classes(example, "policy-plane").get("google.service-control")]:
        if drill is not None:
            lost = {reason.rpartition("home.")[2] for one in drill.workloads for reason in one.because}
            assert lost <= {home.id for home in estate.homes.values() if home.vendor == "google"}


def test_drill_is_the_same_to_the_byte(example: tuple[Estate, Catalog]) -> None:
    once = {name: classes(example, name) for name in ("stampede", "region-death")}
    again = {name: classes(example, name) for name in ("stampede", "region-death")}
    assert msgspec.json.encode(once) == msgspec.json.encode(again)


@pytest.mark.parametrize("name", ["aws-2017-02-28", "openai-2024-12-11"])
def test_incident_that_does_not_touch_the_estate_says_so(name: str) -> None:
    estate, catalog = load_example("bank")
    graph = graph_of(estate)
    drill = play(of_incident(catalog.incidents[name], estate, graph), estate, graph)
    assert not drill.touches and drill.worst == "up"


POOLED = """\
[pools.a]
requests_per_min = 100
[pools.b]
requests_per_min = {capacity}
[homes.a]
vendor = "aws"
region = "us-east-1"
api = "bedrock"
model = "m"
pool = "a"
[homes.b]
vendor = "aws"
region = "us-west-2"
api = "bedrock"
model = "m"
pool = "b"
[workloads.one]
homes = ["a", "b"]
requests_per_min = 60
[workloads.two]
homes = ["a", "b"]
requests_per_min = 40
"""


def test_survivors_pool_is_shared_so_that_a_stampede_is_seen(read: Read) -> None:
    drill = classes(read(POOLED.format(capacity=50)), "region-death")["aws.us-east-1"]
    unserved = {one.workload: one.unserved for one in drill.workloads}
    assert unserved == {"one": pytest.approx(30 * 480), "two": pytest.approx(20 * 480)}
    assert set(worst(drill).values()) == {"degraded"}


def test_room_enough_serves_everybody_and_is_still_fewer_homes(read: Read) -> None:
    drill = classes(read(POOLED.format(capacity=500)), "region-death")["aws.us-east-1"]
    assert [one.unserved for one in drill.workloads] == [0.0, 0.0]
    assert set(worst(drill).values()) == {"degraded"}


def test_others_flight_halves_what_survivors_give(read: Read) -> None:
    known = read(POOLED.format(capacity=100))
    assert all(one.unserved == 0 for one in classes(known, "region-death")["aws.us-east-1"].workloads)
    assert sum(one.unserved or 0 for one in classes(known, "stampede")["aws.us-east-1"].workloads) > 0


def test_traffic_moves_only_once_somebody_is_told(read: Read) -> None:
    drill = classes(read(POOLED.format(capacity=500)), "status-page-lies")["aws.us-east-1"]
    one = drill.workloads[0]
    assert one.down == ((0.0, 73.0),) and one.degraded == ((73.0, 480.0),)
    assert one.unserved == pytest.approx(60 * 73)
    assert any("own health probes" in change for change in one.prevented_by)


def test_herd_that_comes_back_is_an_outage_of_its_own(read: Read) -> None:
    drill = classes(read(POOLED.format(capacity=100)), "recovery-herd")["aws.us-east-1"]
    last = drill.workloads[0].stretches[-1]
    assert (last.from_min, last.to_min) == (180.0, 210.0) and last.state == "degraded"


def test_grey_failure_is_seen_as_wrong_answers_and_not_as_down(read: Read) -> None:
    text = POOLED.format(capacity=100).replace('pool = "a"', 'pool = "a"\nsilicon = "trainium2"')
    (drill,) = classes(read(text), "grey-quality").values()
    assert worst(drill) == {"one": "wrong", "two": "wrong"}
    assert drill.workloads[0].wrong == pytest.approx(60 * 40320)
    assert drill.scenario.notes and "b" in drill.scenario.notes[0]


def test_capacity_nobody_stated_is_at_least_and_not_exactly(read: Read) -> None:
    text = POOLED.format(capacity=100).replace('pool = "b"\n', "")
    drill = classes(read(text), "region-death")["aws.us-east-1"]
    assert not drill.workloads[0].unserved_known


def test_demand_nobody_stated_is_unknown_and_not_zero(read: Read) -> None:
    text = POOLED.format(capacity=100).replace("requests_per_min = 60\n", "")
    drill = classes(read(text), "region-death")["aws.us-east-1"]
    assert drill.workloads[0].unserved is None


@pytest.mark.parametrize(
    ("name", "places"),
    [
        ("contract-ended", {"account at aws", "contract c"}), ("model-retired", {"m"}),
        ("operator-barred", {"aws in us"}), ("capacity-not-delivered", {"a", "b"}),
    ],
)  # fmt: skip
def test_partner_class_is_played_against_every_place_it_fits(read: Read, name: str, places: set[str]) -> None:
    text = POOLED.format(capacity=100).replace('pool = "b"\n', 'pool = "b"\ncontract = "c"\n')
    found = classes(read(text + '[contracts.c]\noperator = "aws"\n'), name)
    assert set(found) == places


def test_nobody_ends_a_contract_with_you_about_your_own_machines() -> None:
    found = classes(load_example("lab"), "contract-ended")
    assert "account at self" not in found and "contract aws-block" in found


def test_doubled_price_is_told_where_prices_are_known(read: Read) -> None:
    price = "price = { input_usd_per_mtok = 1, output_usd_per_mtok = 2 }\n"
    text = POOLED.format(capacity=100).replace('pool = "a"\n', f'pool = "a"\n{price}')
    text += "input_tokens = 1000\noutput_tokens = 500\n"
    drill = classes(read(text), "price-doubled")["aws"]
    two = drill.workloads[1]
    assert two.usd_month_before == pytest.approx(40 * 43_800 * 0.002)
    assert two.usd_month_after == pytest.approx(2 * 40 * 43_800 * 0.002)
    assert drill.workloads[0].usd_month_before is None and drill.workloads[0].price_unknown
