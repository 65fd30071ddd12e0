"""The run: stages in their order, each finished once, measured after each; and how it is taken up again.

    base -> sample -> revise -> supervise -> feedback -> prefer
      |                            |                       |
      evaluate                     evaluate ...            evaluate

A stage is finished when its file in RUN/stages is there. Everything before that can be made again, the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec
import torch

from freehold.align import aligned
from freehold.align.checkpoint import (
    MANIFEST,
    STATE_FILE,
    read_manifest,
    verify,
    weights_digest,
    wrong_digest,
)
from freehold.align.constitution import read_constitution
from freehold.align.evaluate import evaluate
from freehold.align.folder import RunFolder
from freehold.align.model import LanguageModel, read_config
from freehold.align.probes import calibrate
from freehold.align.prompts import training_prompts
from freehold.align.recipe import Recipe, Stage, read_recipe, resolve
from freehold.align.sampler import LocalSampler
from freehold.align.signing import require
from freehold.align.stages.feedback import feedback
from freehold.align.stages.prefer import prefer
from freehold.align.stages.revise import revise
from freehold.align.stages.sample import sample
from freehold.align.stages.supervise import supervise
from freehold.align.work import Remote, Run
from freehold.clock import Clock, SystemClock, ulid
from freehold.errors import FreeholdError
from freehold.pocket.lm.engine import SHIPPED
from freehold.types.contracts import Recorder
from freehold.types.names import Digest
from freehold.watch.runlog import Happened, Header

PEAK_SIZE, PEAK_TRIES = 1024, 5
Show = Callable[[Happened], None]
MakeRemote = Callable[[str], Remote]


def silent(event: Happened) -> None:
    """Nobody watches."""


def begin(recipe_file: Path, out: Path, *, clock: Clock | None = None) -> RunFolder:
    """Check everything there is to check, and make the run's folder."""
    clock = clock or SystemClock()
    recipe = read_recipe(recipe_file)
    constitution_file = resolve(recipe_file, recipe.run.constitution)
    constitution = read_constitution(constitution_file)
    base = base_folder(recipe, recipe_file.parent)
    verify(base, Digest(recipe.run.digest) if recipe.run.digest else None)
    require(constitution_file, constitution)
    training_prompts(recipe.prompts, recipe.run.seed, recipe_file.parent)
    header = Header(
        run=ulid(clock.now_ns()),
        name=recipe.run.name,
        created_ns=clock.now_ns(),
        recipe=_digest(recipe_file.read_bytes()),
        constitution=constitution.digest,
        base=weights_digest(base),
        seed=recipe.run.seed,
        threads=recipe.run.threads,
        parameters=_parameters(base),
        usd_per_hour=recipe.run.usd_per_hour,
        peak_flops_per_s=recipe.run.peak_flops_per_s or measured_peak(recipe, clock),
        facts={
            "base_folder": str(base.resolve()),
            "recipe_folder": str(recipe_file.parent.resolve()),
            "torch": str(torch.__version__),
            "device": recipe.run.device,
            "peak": "as the recipe says" if recipe.run.peak_flops_per_s else "measured by a matrix product",
        },
    )
    return RunFolder.create(out, header, recipe_file.read_bytes(), constitution_file.read_bytes())


def carry_on(
    path: Path, *, show: Show = silent, recorder: Recorder | None = None, clock: Clock | None = None,
    only: Stage | None = None, make_remote: MakeRemote | None = None,
) -> Run:  # fmt: skip
    """Run what is not finished of a run's folder, from the beginning or from wherever it was cut off."""
    folder = RunFolder(path)
    header = folder.log().header
    folder.sweep()
    recipe = read_recipe(path / "recipe.toml")
    constitution = read_constitution(path / "constitution.toml")
    base = Path(header.facts["base_folder"])
    verify(base)
    if (found := weights_digest(base)) != header.base:
        raise wrong_digest(base, header.base, found)
    torch.set_num_threads(recipe.run.threads)
    torch.use_deterministic_algorithms(True, warn_only=True)
    run = Run(
        folder,
        header,
        recipe,
        constitution,
        base=base,
        recorder=recorder,
        clock=clock or SystemClock(),
        show=show,
        prompts=training_prompts(recipe.prompts, recipe.run.seed, Path(header.facts["recipe_folder"])),
        remote=_home(make_remote, recipe.sample.sampler),
        judge=_home(make_remote, recipe.feedback.critic),
    )
    _go(run, only)
    return run


def _home(make_remote: MakeRemote | None, url: str) -> Remote | None:
    return make_remote(url) if make_remote and url else None


def _go(run: Run, only: Stage | None) -> None:
    done = list(run.folder.log().stages())
    run.happened("resumed" if done or run.folder.lines("events.jsonl") else "started", text=", ".join(done))
    try:
        measure_once(run, "base", "base", 0, run.base)
        for stage in run.recipe.run.stages:
            if not run.folder.stage_done(stage) and only in (None, stage):
                _stage(run, stage)
    except FreeholdError as error:
        run.happened("failed", text=f"{error.code}: {error.what}")
        raise
    if only is None:
        finish(run)


def _stage(run: Run, stage: Stage) -> None:
    run.happened("stage_started", stage)
    match stage:
        case "sample":
            sample(run)
        case "revise":
            revise(run)
        case "feedback":
            feedback(run)
        case "supervise":
            _trained(run, stage, supervise(run, lambda step, model: _partly(run, stage, step, model)))
        case "prefer":
            _trained(run, stage, prefer(run, lambda step, model: _partly(run, stage, step, model)))
    run.happened("stage_finished", stage)
    run.record_step(stage, 0, None, {}, {role: cost.flops for role, cost in run.folder.log().costs().items()})


def _trained(run: Run, stage: str, model: LanguageModel) -> None:
    """A training stage is finished once its model is written and measured."""
    folder = run.folder.checkpoint(stage)
    step = read_manifest(folder).step
    run.happened("checkpoint", stage, step, text=stage)
    names = [f"checkpoints/{stage}/{name}" for name in ("model.safetensors", "config.json")]
    run.folder.finish_stage(stage, run.now_ns(), names, {})
    measure_once(run, stage, stage, step, folder)
    for old in run.folder.checkpoints.glob(f"{stage}-[0-9]*"):
        (old / STATE_FILE).unlink(missing_ok=True)  # only a stage under way needs its optimizer
        _forget(old)


def _forget(folder: Path) -> None:
    """A checkpoint kept for looking at: its manifest no longer lists what it no longer has."""
    manifest = read_manifest(folder)
    files = {name: digest for name, digest in manifest.files.items() if name != STATE_FILE}
    kept = msgspec.structs.replace(manifest, files=files)
    (folder / MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(kept), indent=2) + b"\n")


def _partly(run: Run, stage: str, step: int, model: LanguageModel) -> None:
    """Measure a checkpoint on the way, on a part of the prompts."""
    if run.recipe.evaluate.per_class_partial:
        measure_once(
            run, f"{stage}-{step:06d}", stage, step, run.folder.checkpoint(f"{stage}-{step:06d}"), full=False
        )


def measure_once(run: Run, name: str, stage: str, step: int, folder: Path, *, full: bool = True) -> None:
    if (run.folder.path / "evaluations" / f"{name}.json").is_file() and _told(run, name):
        return
    if name == "base":
        calibrate(run)
    sampler = LocalSampler.load(folder, device=run.device, dtype=run.dtype)
    found = evaluate(run, name, stage, step, sampler, full=full)
    values = {key: rate.rate for key, rate in found.rates.items() if rate.rate is not None}
    values |= {key: value for key, value in found.values.items() if value is not None}
    run.happened("evaluation", stage, step, values=values, text=name)
    run.record_step(stage, step, sampler.digest, values, {})


def _told(run: Run, name: str) -> bool:
    return any(event.kind == "evaluation" and event.text == name for event in run.folder.log().events())


def finish(run: Run) -> None:
    """The account at the end: aligned flops per dollar, with every factor it is made of."""
    account = aligned.account(run.folder.log())
    run.folder.write_json("account.json", account)
    run.happened("finished", values=_numbers(account))


def _numbers(account: aligned.Account) -> dict[str, float]:
    values: Mapping[str, float | None] = {
        "aligned_flops": account.aligned_flops, "usd": account.usd,
        "aligned_flops_per_usd": account.aligned_flops_per_usd, "seconds": account.seconds,
    }  # fmt: skip
    return {name: value for name, value in values.items() if value is not None}


def measured_peak(recipe: Recipe, clock: Clock) -> float:
    """Multiply-adds a second, counted twice, of a matrix product on this device: what could be had."""
    torch.set_num_threads(recipe.run.threads)
    dtype = torch.float32 if recipe.run.dtype == "float32" else torch.bfloat16
    matrix = torch.ones(PEAK_SIZE, PEAK_SIZE, device=recipe.run.device, dtype=dtype)
    seconds = []
    for _ in range(PEAK_TRIES):
        start_ns = clock.monotonic_ns()
        float((matrix @ matrix)[0, 0])  # reading a number waits for the device
        seconds.append(max(1, clock.monotonic_ns() - start_ns) / 1e9)
    return 2 * PEAK_SIZE**3 / min(seconds)


def default_folder(recipe_file: Path) -> Path:
    """runs/NAME-SEED, here."""
    recipe = read_recipe(recipe_file)
    return Path("runs") / f"{recipe.run.name}-{recipe.run.seed}"


def base_folder(recipe: Recipe, beside: Path) -> Path:
    if recipe.run.model == "pocket":
        return SHIPPED
    path = Path(recipe.run.model)
    return path if path.is_absolute() else beside / path


def _parameters(folder: Path) -> int:
    raw = msgspec.json.decode((folder / "config.json").read_bytes())
    return read_config(raw, str(folder)).parameters()


def _digest(data: bytes) -> Digest:
    return Digest(f"sha256:{hashlib.sha256(data).hexdigest()}")


__all__ = ["begin", "carry_on", "default_folder"]
