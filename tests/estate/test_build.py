"""From settings to an estate: what is carried over, and every name that refers to nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from freehold.cli.loading import load_estate
from freehold.errors import Problem, ProblemsError
from freehold.estate.model import Estate
from freehold.types.homes import Policy, Price
from freehold.types.names import ModelId

SERVING = 'vendor = "aws"\napi = "openai"\nmodel = "m"\n'


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "freehold.toml"


def build(file: Path, text: str) -> Estate:
    file.write_text(text)
    return load_estate(str(file))


def problems(file: Path, text: str) -> list[Problem]:
    with pytest.raises(ProblemsError) as caught:
        build(file, text)
    return list(caught.value.problems)


def test_home_carries_every_fact(file: Path) -> None:
    home = build(
        file,
        '[pools.p]\n[models.m]\n[services.s]\n[homes.h]\nvendor = "aws"\noperator = "lab"\nregion = "r"\n'
        'silicon = "trn2"\napi = "openai"\nmodel = "m"\nmodel_name = "m-v1"\n'
        'url = "https://h/v1"\npool = "p"\n'
        'credential = "env:KEY"\ntier = "vouched"\nweight = 3\nneeds = ["s"]\noptions = { version = "1" }\n',
    ).homes["h"]
    assert (home.operator, home.region, home.silicon, home.model_name) == ("lab", "r", "trainium2", "m-v1")
    assert (home.url, home.credential, home.pool, home.tier) == ("https://h/v1", "env:KEY", "p", "vouched")
    assert (home.weight, home.needs, home.options) == (
        3,
        ("s", "aws.r", "operator.lab", "silicon.trainium2", "pool.p"),
        {"version": "1"},
    )


def test_home_without_an_operator_is_run_by_its_vendor(file: Path) -> None:
    assert build(file, f"[homes.h]\n{SERVING}").homes["h"].operator == "aws"


def test_home_facts_left_out_are_unknown(file: Path) -> None:
    home = build(file, f"[homes.h]\n{SERVING}").homes["h"]
    assert home.region is None and home.silicon is None and home.price == Price()


def test_price_is_exact_nano_dollars_and_dated(file: Path) -> None:
    price = (
        build(
            file,
            f"[homes.h]\n{SERVING}[homes.h.price]\ninput_usd_per_mtok = 0.1\n"
            "output_usd_per_mtok = '15.000000001'\n"
            "as_of = 2026-01-31\n",
        )
        .homes["h"]
        .price
    )
    assert (price.input_nano_usd_per_mtok, price.output_nano_usd_per_mtok) == (100_000_000, 15_000_000_001)
    assert price.as_of == "2026-01-31" and price.cache_read_nano_usd_per_mtok is None


def test_workload_holds_its_policy_itself(file: Path) -> None:
    policy = "[policies.p]\nhomes_min = 2\nbudget_usd_per_month = 5\n"
    text = f'[homes.h]\n{SERVING}{policy}[workloads.w]\nhomes = ["h"]\n'
    built = build(file, text + 'policy = "p"\n').workloads["w"].policy
    assert (built.id, built.homes_min, built.budget_nano_usd_per_month) == ("p", 2, 5_000_000_000)


def test_workload_without_a_policy_has_the_built_in_one(file: Path) -> None:
    assert (
        build(file, f'[homes.h]\n{SERVING}[workloads.w]\nhomes = ["h"]\n').workloads["w"].policy == Policy()
    )


def test_policy_called_default_replaces_the_built_in_one(file: Path) -> None:
    text = f'[homes.h]\n{SERVING}[workloads.w]\nhomes = ["h"]\n[policies.default]\nhomes_min = 3\n'
    assert build(file, text).workloads["w"].policy.homes_min == 3


def test_workload_keeps_the_order_of_homes_and_its_substitutes(file: Path) -> None:
    text = f'[homes.a]\n{SERVING}[homes.b]\n{SERVING}[homes.c]\n{SERVING}[workloads.w]\nhomes = ["b", "a"]\n'
    workload = build(file, text + 'substitutes = [{home = "c", quality = 0.9}]\n').workloads["w"]
    assert workload.homes == ("b", "a") and workload.substitutes[0].quality == 0.9


def test_compute_home_needs_no_model(file: Path) -> None:
    home = build(file, '[homes.h]\nvendor = "v"\nsilicon = "h200"\nchips = 8\n').homes["h"]
    assert (home.chips, home.api, home.model) == (8, None, None)


def test_pools_services_and_contracts_are_carried_over(file: Path) -> None:
    estate = build(
        file,
        "[estate]\nname = 'x'\n[pools.p]\ntokens_per_min = 9\n[services.a]\nany_of = ['b']\n[services.b]\n"
        "[contracts.c]\noperator = 'o'\nexpires = 2027-01-31\n",
    )
    assert estate.name == "x" and estate.pools["p"].tokens_per_min == 9
    assert estate.services["a"].any_of == ("b",) and str(estate.contracts["c"].expires) == "2027-01-31"


BROKEN = [
    (f'[homes.h]\n{SERVING}[workloads.w]\nhomes = ["hh"]\n', "estate.unknown-home", 6),
    (f'[homes.h]\n{SERVING}[workloads.w]\nhomes = ["h"]\npolicy = "x"\n', "estate.unknown-policy", 7),
    (
        f'[homes.h]\n{SERVING}[workloads.w]\nhomes = ["h"]\nsubstitutes = [{{home = "x"}}]\n',
        "estate.unknown-home",
        7,
    ),
    (
        f'[homes.h]\n{SERVING}[workloads.w]\nhomes = ["h"]\nsubstitutes = [{{home = "h"}}]\n',
        "estate.duplicate",
        7,
    ),
    (f'[homes.h]\n{SERVING}[workloads.w]\nhomes = [\n"h",\n"h"]\n', "estate.duplicate", 8),
    ("[workloads.w]\n", "estate.workload-without-homes", 1),
    (f"[models.n]\n[homes.h]\n{SERVING}", "estate.unknown-model", 5),
    (f'[homes.h]\n{SERVING}pool = "p"\n', "estate.unknown-pool", 5),
    (f'[homes.h]\n{SERVING}needs = ["s"]\n', "estate.unknown-service", 5),
    (f'[services.s]\n[homes.h]\n{SERVING}needs = ["s", "s"]\n', "estate.duplicate", 6),
    ('[services.s]\nall_of = ["t"]\n', "estate.unknown-service", 2),
    ('[homes.h]\nvendor = "v"\napi = "openai"\n', "estate.home-without-model", 1),
    ('[homes.h]\nvendor = "v"\n', "estate.home-does-nothing", 1),
]


@pytest.mark.parametrize(("text", "code", "line"), BROKEN)
def test_broken_estate_is_refused_with_code_and_line(file: Path, text: str, code: str, line: int) -> None:
    (problem,) = problems(file, text)
    assert (problem.code, problem.line) == (code, line)
    assert problem.what and problem.why and problem.fix and problem.path


def test_unknown_home_suggests_the_closest(file: Path) -> None:
    (problem,) = problems(file, f'[homes.bedrock-use2]\n{SERVING}[workloads.w]\nhomes = ["bedrock-use1"]\n')
    assert problem.what == 'workload "w" names home "bedrock-use1", which is not in the estate'
    assert problem.why == 'the estate has 1 home; the closest is "bedrock-use2"'
    assert problem.path == "workloads.w.homes[0]"


def test_wrong_values_and_wrong_names_are_reported_together(file: Path) -> None:
    found = problems(
        file, f'[homes.h]\n{SERVING}weight = "x"\n[workloads.w]\nhomes = ["h", "i"]\nkind = "srve"\n'
    )
    assert [one.code for one in found] == ["config.type", "config.choice"]
    found = problems(file, f'[homes.h]\n{SERVING}weight = "x"\n[workloads.w]\nhomes = ["h", "i"]\n')
    assert [one.code for one in found] == ["config.type", "estate.unknown-home"]


def test_empty_tables_make_an_estate_without_anything(file: Path) -> None:
    estate = build(file, "[estate]\n")
    assert (estate.homes, estate.workloads, list(estate.policies)) == ({}, {}, ["default"])


def test_lengths_of_a_model_come_from_the_catalog_where_the_file_leaves_them_out(file: Path) -> None:
    models = build(file, "[models.claude-sonnet-5]\noutput_tokens = 7\n[models.mine]\n").models
    known, own = models[ModelId("claude-sonnet-5")], models[ModelId("mine")]
    assert known.output_tokens == 7
    assert (known.context_tokens or 0) > 100_000
    assert (own.context_tokens, own.output_tokens) == (None, None)
