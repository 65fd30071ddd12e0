from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from freehold.cli.embedded import first_line, start, stop
from freehold.cli.main import cli
from freehold.cli.recording import recording
from freehold.clock import ulid
from freehold.errors import FreeholdError
from freehold.types.names import HomeId
from freehold.types.records import CallRecord, HomeFacts, Tokens, Took
from tests.plan.conftest import ESTATE


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]  # a small closure
    monkeypatch.setenv("FREEHOLD_HOME", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "freehold.toml").write_text(ESTATE.read_text(encoding="utf-8"), encoding="utf-8")

    def go(*words: str, code: int = 0) -> str:
        result = CliRunner().invoke(cli, words, standalone_mode=False)
        if result.exception is not None:
            raise result.exception
        assert (result.return_value or 0) == code
        return result.stdout

    return go


def test_plan_make_prints_the_table_and_the_certificate(run) -> None:  # type: ignore[no-untyped-def]
    text = run("plan", "make", "--steps", "5")
    assert "proved best" in text
    assert "single losses replayed: every workload keeps what it must" in text
    assert "h100-nebius" in text


def test_plan_make_as_json_is_the_whole_plan(run) -> None:  # type: ignore[no-untyped-def]
    found = json.loads(run("plan", "make", "--steps", "5", "--json"))
    assert found["schema"] == "freehold.plan/1"
    assert found["data"]["plan"]["exact"] is True


def test_plan_make_adopts_shows_and_finds_no_difference(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    run("plan", "make", "--steps", "5", "--adopt")
    assert "proved best" in run("plan", "show")
    assert "nothing changes" in run("plan", "diff", "--steps", "5")
    (kept,) = json.loads(run("ledger", "query", "--kind", "plan", "--json"))["data"]["records"]
    assert kept["kind"] == "plan"


def test_plan_show_without_a_plan_says_how_to_get_one(run) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(FreeholdError) as caught:
        run("plan", "show")
    assert caught.value.code == "plan.none-in-force"


def test_plan_make_that_cannot_serve_says_what_conflicts_and_is_not_adopted(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "freehold.toml"
    path.write_text(path.read_text().replace("requests_per_min = 900", "requests_per_min = 200"))
    text = run("plan", "make", "--steps", "5", code=1)
    assert "conflict: the smallest set that cannot hold together" in text
    assert "way out: raise calls of pool vertex-eu" in text
    with pytest.raises(FreeholdError) as caught:
        run("plan", "make", "--steps", "5", "--adopt")
    assert caught.value.code == "plan.not-adopted"


def test_plan_make_writes_report_and_files_for_an_engine(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    run(
        "plan",
        "make",
        "--steps",
        "5",
        "--html",
        "r.html",
        "--export",
        "slurm",
        "--to",
        "out",
        "--out",
        "p.json",
    )
    assert (tmp_path / "r.html").read_text().startswith("<!doctype html>")
    assert len(list((tmp_path / "out").glob("*.sbatch"))) == 4
    assert "h100-nebius" in run("plan", "show", "--file", "p.json")


def test_plan_explain_tells_sentences(run) -> None:  # type: ignore[no-untyped-def]
    assert "search has" in run("plan", "explain", "search", "--steps", "5")


def test_plan_diff_says_what_a_loss_moves(run) -> None:  # type: ignore[no-untyped-def]
    run("plan", "make", "--steps", "5", "--adopt")
    assert "search leaves v6e-us5" in run("plan", "diff", "--steps", "5", "--lost", "v6e-us5")


def test_plan_make_with_an_unknown_lost_home_is_refused(run) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(FreeholdError) as caught:
        run("plan", "make", "--lost", "nowhere")
    assert caught.value.code == "plan.unknown-home"


def test_predict_lists_every_chip_and_leaves_the_unknown_unknown(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    found = json.loads(run("predict", "--model", "llama-3.3-70b", "--json", "--svg", "c.svg"))["data"]
    by_chip = {one["silicon"]: one for one in found["predictions"]}
    assert by_chip["trainium2"]["usd_per_mtok"] is None
    assert by_chip["h100"]["usd_per_mtok_low"] < by_chip["h100"]["usd_per_mtok"]
    assert (tmp_path / "c.svg").read_text().startswith("<svg")


def test_predict_names_the_prices_it_does_not_believe(run) -> None:  # type: ignore[no-untyped-def]
    words = ("predict", "--model", "llama-3.1-8b")
    assert "prices of the catalog were not believed" in run(*words)
    assert "no-price (not used): aws us-east-2 trn2.48xlarge: no on-demand price" in run(*words, "--suspects")
    found = json.loads(run(*words, "--suspects", "--json"))["data"]["doubted"]
    assert {"no-price", "host-extra", "flat-list", "no-spot", "another-sku"} <= {
        one["defect"] for one in found
    }


def test_predict_of_an_unknown_model_takes_its_parameters(run) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(FreeholdError) as caught:
        run("predict", "--model", "mystery")
    assert caught.value.code == "plan.unknown-shape"
    assert "assumed" in run("predict", "--model", "mystery", "--parameters", "13")


def test_predict_align_reads_roles_from_a_recipe(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "recipe.toml").write_text('[run]\nconstitution = "c.toml"\n[revise]\nrounds = 1\n')
    words = ("predict", "--kind", "align", "--model", "llama-3.1-8b", "--recipe", "recipe.toml")
    found = json.loads(run(*words, "--json"))["data"]
    assert {one["role"] for one in found["roles"]} == {"policy", "feedback", "judge", "trainer"}
    assert "the run:" in run(*words)


def test_predict_align_without_a_recipe_is_refused(run) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(FreeholdError) as caught:
        run("predict", "--kind", "align", "--model", "llama-3.1-8b")
    assert caught.value.code == "plan.no-recipe"


def test_calibrate_keeps_measurements_that_predictions_then_use(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    work = {"kind": "batch", "precision": "bf16", "inputs": 1000, "outputs": 1000}
    one = {
        "silicon": "h200", "model": "llama-3.1-8b", "work": work, "chips": 1, "tokens_per_s": 1000.0,
        "source": "mine", "as_of": "2026-01-01",
    }  # fmt: skip
    (tmp_path / "m.json").write_text(json.dumps([one]))

    def speed() -> float:
        words = ("predict", "--model", "llama-3.1-8b", "--kind", "batch", "--chips", "1", "--json")
        found = json.loads(run(*words))["data"]["predictions"]
        return float(next(p["tokens_per_s"] for p in found if p["silicon"] == "h200"))

    before = speed()
    assert "h200 x1" in run("calibrate", "--file", "m.json", "--dry-run")
    assert speed() == before
    run("calibrate", "--file", "m.json")
    assert 900 < speed() < before


def call_at(home: str, second: float) -> CallRecord:
    end_ns = int(second * 1e9) + 1_800_000_000_000_000_000
    return CallRecord(
        id=ulid(end_ns), time_ns=end_ns, actual=HomeFacts(home=HomeId(home)), outcome="ok",
        tokens=Tokens(fresh=1000, output=500), took=Took(total_us=1_000_000),
    )  # fmt: skip


def test_calibrate_reads_the_ledger_and_predictions_name_it(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    with recording("gateway") as ledger:
        for number in range(40):
            ledger.record(call_at("h100-nebius", number / 4))
    assert "500 calls" not in run("calibrate", "--dry-run")
    assert "40 calls of h100-nebius" in run("calibrate")
    run("calibrate")  # the same records again do not count twice
    assert len(json.loads((tmp_path / "state/measurements.json").read_text())) == 1
    found = json.loads(run("predict", "--model", "llama-3.3-70b", "--json"))["data"]["predictions"]
    assert "own measurements" in next(p["rests_on"] for p in found if p["silicon"] == "h100")


def test_calibrate_without_a_ledger_says_so(run) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(FreeholdError) as caught:
        run("calibrate")
    assert caught.value.code == "ledger.not-a-ledger"


PROBED = """
[homes.beside]
vendor = "own"
silicon = "h200"
chips = 1
api = "{api}"
model = "llama-3.1-8b"
url = "{url}"
"""


@pytest.mark.parametrize(("dialect", "api"), [("openai", "openai-compatible"), ("anthropic", "anthropic")])
def test_calibrate_probes_a_home_and_predictions_name_it(run, tmp_path: Path, dialect: str, api: str) -> None:  # type: ignore[no-untyped-def]
    process = start("pocket", "serve", "--dialect", dialect, "--port", "0")
    try:
        url = first_line(process).rpartition(" ")[2]
        (tmp_path / "freehold.toml").write_text(PROBED.format(api=api, url=url))
        assert "a probe of beside" in run("calibrate", "--probe", "beside", "--at-once", "4")
    finally:
        stop([process])
    (kept,) = json.loads((tmp_path / "state/measurements.json").read_text())
    assert (kept["silicon"], kept["work"]["batch"]) == ("h200", 4)
    found = json.loads(run("predict", "--model", "llama-3.1-8b", "--json"))["data"]["predictions"]
    assert "a probe of beside" in next(p["rests_on"] for p in found if p["silicon"] == "h200")


def test_calibrate_of_a_home_that_is_not_there_says_so(run, tmp_path: Path, free_port: int) -> None:  # type: ignore[no-untyped-def]
    url = f"http://127.0.0.1:{free_port}"
    (tmp_path / "freehold.toml").write_text(PROBED.format(api="openai-compatible", url=url))
    with pytest.raises(FreeholdError) as caught:
        run("calibrate", "--probe", "beside")
    assert caught.value.code == "plan.home-unreachable"


def test_calibrate_without_enough_records_says_so(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "r.jsonl").write_text("")
    assert "nothing was measured" in run("calibrate", "--records", "r.jsonl")
