"""The tasks and prices that SkyPilot's optimizer and Freehold are both asked about, and what each answers.

Run twice: `python bench/plan_tasks.py FOLDER CATALOG` in an environment with skypilot writes
FOLDER/skypilot.json; `python -m bench.plan skypilot FOLDER` then asks Freehold the same and puts both into
one table. CATALOG holds
aws_vms.csv and gcp_vms.csv in SkyPilot's layout. SkyPilot is asked offline, through its own optimizer.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from pathlib import Path
from typing import Any

# (name, kind, model, precision, what may be used: accelerator as SkyPilot names it -> (our silicon, chips))
USED = {
    "H100:8": ("h100", 8), "tpu-v6e-8:1": ("tpu-v6e", 8), "H200:8": ("h200", 8),
    "Trainium:16": ("trainium1", 16),
}  # fmt: skip
H100, V6E, H200, TRN1 = USED
TASKS: list[tuple[str, str, str, str, tuple[str, ...]]] = [
    ("serve-70b", "serve", "llama-3.3-70b", "fp8", (H100, H200, TRN1)),
    ("batch-70b", "batch", "llama-3.3-70b", "fp8", (H100, H200, V6E)),
    ("batch-8b", "batch", "llama-3.1-8b", "fp8", (H100, V6E, TRN1)),
    ("train-8b", "train", "llama-3.1-8b", "bf16", (H100, H200, V6E)),
    ("train-8b-aws", "train", "llama-3.1-8b", "bf16", (H100, TRN1)),
]


ACCELERATORS = "AcceleratorName,Clouds\n" + "".join(f"{word.split(':')[0]},aws\n" for word in USED)

# SkyPilot asks for some host of a TPU before it considers one, and then prices the TPU's machine without it.
HOSTS = "".join(
    f"{name},8,{memory},,,,us-central1,us-central1-a,0.3885,0.0932\n"
    for name, memory in (("n1-standard-8", 30), ("n1-highmem-8", 52), ("n2-standard-8", 32))
)


def ask_skypilot(folder: Path, catalog: Path) -> None:
    """SkyPilot's choice and its time for each task, with catalogs dropped in and clouds taken as enabled."""
    import sky  # type: ignore[import-not-found]  # in another environment
    from sky import check as sky_check
    from sky.clouds import AWS, GCP  # type: ignore[import-not-found]

    for version in ("v6", "v7", "v8"):  # each release looks in its own
        target = Path.home() / ".sky/catalogs" / version
        for cloud in ("aws", "gcp"):
            (target / cloud).mkdir(parents=True, exist_ok=True)
            shutil.copy(catalog / f"{cloud}_vms.csv", target / cloud / "vms.csv")
        with (target / "gcp/vms.csv").open("a", encoding="utf-8") as file:
            file.write(HOSTS)
        (target / "common").mkdir(parents=True, exist_ok=True)
        (target / "common/accelerators.csv").write_text(ACCELERATORS, encoding="utf-8")
    sky_check.get_cached_enabled_clouds_or_refresh = lambda *_, **__: [AWS(), GCP()]
    for cloud in (AWS, GCP):
        cloud.check_credentials = classmethod(lambda *_, **__: (True, None))
    try:
        from sky.catalog import aws_catalog  # type: ignore[import-not-found]
    except ModuleNotFoundError:  # older releases keep it elsewhere
        from sky.clouds.service_catalog import aws_catalog  # type: ignore[import-not-found]

    aws_catalog._fetch_and_apply_az_mapping = lambda frame: frame
    answers = []
    for name, _, _, _, options in TASKS:
        with sky.Dag() as dag:
            task = sky.Task(name=name, run="true")
            task.set_resources({sky.Resources(accelerators=word) for word in options})
        started = time.perf_counter()
        try:
            _optimized(dag)
            best = dag.tasks[0].best_resources
            ((accelerator, count),) = best.accelerators.items()
            answer: dict[str, Any] = {
                "accelerator": f"{accelerator}:{count:g}", "usd_per_hour": best.get_cost(3600),
                "region": best.region, "cloud": str(best.cloud),
            }  # fmt: skip
        except (Exception, SystemExit) as error:  # noqa: BLE001  # whatever SkyPilot says is the answer
            answer = {"error": f"{type(error).__name__}: {error}"[:300]}
        took = time.perf_counter() - started
        answers.append({"task": name, "seconds": took, "version": sky.__version__, **answer})
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "skypilot.json").write_text(json.dumps(answers, indent=1), encoding="utf-8")
    print(json.dumps(answers, indent=1))


def _optimized(dag: Any) -> None:
    from sky import optimizer

    optimizer._check_specified_clouds = lambda *_, **__: None
    optimizer.Optimizer.optimize(dag, quiet=True)


def compared(folder: Path) -> list[dict[str, Any]]:
    """Both answers in dollars per unit of work, by Freehold's predictions and the same believable prices."""
    from freehold.estate.catalog import load
    from freehold.plan.perf.chip import chip_of
    from freehold.plan.perf.constants import packaged
    from freehold.plan.perf.predict import Work, predict
    from freehold.plan.perf.shape import shape_of
    from freehold.plan.prices import cheapest

    catalog = load()
    offers = [offer for offer in catalog.offers if offer.vendor in ("aws", "google")]
    prices = cheapest(offers, catalog.silicon)
    said = {row["task"]: row for row in json.loads((folder / "skypilot.json").read_text(encoding="utf-8"))}
    rows = []
    for name, kind, model, precision, options in TASKS:
        started = time.perf_counter()
        units = {}
        for word in options:
            silicon, chips = USED[word]
            work = Work(kind=kind, precision=precision)  # type: ignore[arg-type]  # one of the kinds
            price = prices[silicon].chip_hour_usd if silicon in prices else None
            chip = chip_of(catalog.silicon[silicon])  # type: ignore[index]  # ids are strings
            units[word] = predict(shape_of(model), work, chip, packaged(), chips=chips, chip_hour_usd=price)
        known = {word: one for word, one in units.items() if one.usd_per_mtok is not None}
        ours = min(known, key=lambda word: known[word].usd_per_mtok or 0.0)
        seconds = time.perf_counter() - started
        theirs = said[name].get("accelerator", said[name].get("error", ""))
        match = next(
            (word for word in options if word.split(":")[0].lower() == str(theirs).split(":")[0].lower()),
            None,
        )
        rows.append(
            {
                "task": name, "SkyPilot": said[name].get("version"), "chose": theirs,
                "where": said[name].get("region"),
                "its list $/h": _rounded(said[name].get("usd_per_hour")),
                "its $/M tokens": _rounded(units[match].usd_per_mtok) if match else None,
                "its seconds": round(said[name]["seconds"], 2), "Freehold chose": ours,
                "our $/M tokens": _rounded(known[ours].usd_per_mtok), "our seconds": round(seconds, 4),
            }
        )  # fmt: skip
    return rows


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


if __name__ == "__main__":
    ask_skypilot(Path(sys.argv[1]), Path(sys.argv[2]))
