# environment: align
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from freehold.align.checkpoint import verify, weights_digest
from freehold.align.model import LanguageModel
from freehold.align.run import begin, carry_on
from freehold.align.train import Step, latest, train
from freehold.errors import FreeholdError, InputError, IntegrityError, UnavailableError
from freehold.types.contracts import Admit, Refused
from freehold.types.homes import Policy
from freehold.types.names import RecordId
from freehold.types.records import AnyRecord, StepRecord, VerdictRecord
from freehold.watch.runlog import Happened, RunLog

ROOT = Path(__file__).resolve().parents[2]
CONSTITUTION = ROOT / "examples" / "constitutions" / "pocket.toml"
TINY = f"""
[run]
name = "tiny"
constitution = "{CONSTITUTION}"
usd_per_hour = 1.0
[prompts]
harmful = 12
border = 8
benign = 6
[sample]
rows = 8
[supervise]
epochs = 2
rows = 8
checkpoint_steps = 3
[feedback]
rows = 8
probes = 10
temperature = 2.0
margin_min = 0.0
answers = 3
[prefer]
rows = 4
checkpoint_steps = 2
[evaluate]
per_class = 6
per_class_partial = 3
kl_prompts = 4
"""
FINISHED = ("base", "supervise", "prefer")


class Kept:
    """A recorder that keeps what it is given."""

    def __init__(self) -> None:
        self.entries: list[AnyRecord] = []

    def admit(self, policy: Policy) -> Admit | Refused:
        return Admit()

    def record(self, entry: AnyRecord) -> None:
        self.entries.append(entry)

    async def durable(self, id: RecordId) -> None:
        return None


Whole = tuple[Path, Kept, list[Happened]]


class CutOffError(Exception):
    """The process went away, as far as the run can tell."""


def recipe(folder: Path, change: Callable[[str], str] = lambda text: text) -> Path:
    path = folder / "recipe.toml"
    path.write_text(change(TINY), encoding="utf-8")
    return path


def digests(folder: Path) -> dict[str, str]:
    return {name: weights_digest(folder / "checkpoints" / name) for name in ("supervise", "prefer")}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    """One run from beginning to end, never cut off."""
    folder = tmp_path_factory.mktemp("whole")
    recorder, events = Kept(), []
    begin(recipe(folder), folder / "run")
    carry_on(folder / "run", recorder=recorder, show=events.append)
    return folder / "run", recorder, events


def test_run_leaves_everything_its_format_names(whole: Whole) -> None:
    log = RunLog(whole[0])
    assert list(log.stages()) == ["sample", "revise", "supervise", "feedback", "preference-model", "prefer"]
    assert [found.checkpoint for found in log.evaluations() if found.full] == list(FINISHED)
    assert (whole[0] / "critic.json").is_file() and (whole[0] / "account.json").is_file()


def test_run_rows_keep_where_they_came_from(whole: Whole) -> None:
    log = RunLog(whole[0])
    base = log.header.base
    assert all(row["weights"] == base and row["prompt"] for row in log.rows("samples"))
    revisions = list(log.rows("revisions"))
    assert all(len(row["rounds"]) == 2 for row in revisions)
    assert all(
        one["principle"] and one["critique"] and one["weights"] == base
        for row in revisions
        for one in row["rounds"]
    )
    supervised = digests(whole[0])["supervise"]
    assert all(row["weights"] == supervised and row["critic"] == base for row in log.rows("feedback"))


def test_run_costs_are_split_by_what_they_were_for(whole: Whole) -> None:
    costs = RunLog(whole[0]).costs()
    assert all(
        costs[role].flops > 0 and costs[role].tokens > 0
        for role in ("policy", "feedback", "oversight", "evaluation")
    )


def test_run_records_its_steps_and_verdicts(whole: Whole) -> None:
    steps = [one for one in whole[1].entries if isinstance(one, StepRecord)]
    verdicts = [one for one in whole[1].entries if isinstance(one, VerdictRecord)]
    assert {one.stage for one in steps} >= {"base", "sample", "supervise", "prefer"}
    assert all(one.constitution == RunLog(whole[0]).header.constitution for one in steps)
    assert verdicts and all(fact.passed is not None for one in verdicts for fact in one.verdicts)


def test_run_resumed_after_every_event_gives_the_same_weights(whole: Whole, tmp_path: Path) -> None:
    wanted = digests(whole[0])
    begin(recipe(tmp_path), tmp_path / "run")
    happened = 0
    every = 9  # each process lives for this many events

    for _ in range(len(whole[2])):
        lived = 0

        def show(event: Happened) -> None:
            nonlocal lived
            lived += 1
            if lived > every:
                raise CutOffError

        try:
            carry_on(tmp_path / "run", show=show)
            break
        except CutOffError:
            happened += 1
    assert happened > 5
    assert digests(tmp_path / "run") == wanted


@pytest.mark.slow
@pytest.mark.parametrize("after", [3, 11, 17, 24, 30])
def test_run_killed_and_resumed_gives_the_same_weights(whole: Whole, tmp_path: Path, after: int) -> None:
    begin(recipe(tmp_path), tmp_path / "run")
    code = (
        "import os, signal, sys, threading, pathlib\n"
        "from freehold.align.run import carry_on\n"
        "seen = []\n"
        "def show(event):\n"
        "    seen.append(event)\n"
        f"    if len(seen) == {after}:\n"
        "        threading.Timer(0.03, os.kill, (os.getpid(), signal.SIGKILL)).start()\n"
        "carry_on(pathlib.Path(sys.argv[1]), show=show)\n"
    )
    killed = subprocess.run([sys.executable, "-c", code, str(tmp_path / "run")], check=False)
    assert killed.returncode == -signal.SIGKILL
    carry_on(tmp_path / "run")
    assert digests(tmp_path / "run") == digests(whole[0])


def test_run_with_another_seed_gives_other_weights(whole: Whole, tmp_path: Path) -> None:
    path = recipe(
        tmp_path,
        lambda text: text.replace(
            'name = "tiny"', 'name = "tiny"\nseed = 2\nstages = ["sample", "revise", "supervise"]'
        ),
    )
    begin(path, tmp_path / "run")
    carry_on(tmp_path / "run")
    assert weights_digest(tmp_path / "run" / "checkpoints" / "supervise") != digests(whole[0])["supervise"]


def test_run_of_one_stage_stops_after_it(tmp_path: Path) -> None:
    begin(recipe(tmp_path), tmp_path / "run")
    carry_on(tmp_path / "run", only="sample")
    assert list(RunLog(tmp_path / "run").stages()) == ["sample"]


def test_run_stage_without_the_one_before_it_says_so(tmp_path: Path) -> None:
    begin(recipe(tmp_path), tmp_path / "run")
    with pytest.raises(InputError) as caught:
        carry_on(tmp_path / "run", only="supervise")
    assert caught.value.code == "align.no-rows"


def test_run_whose_loss_is_no_number_stops_at_its_last_checkpoint(tmp_path: Path) -> None:
    begin(recipe(tmp_path), tmp_path / "run")
    run = carry_on(tmp_path / "run", only="sample")
    how = run.recipe.supervise

    def build(model: LanguageModel) -> Step:
        def step(number: int) -> tuple[torch.Tensor, dict[str, float], int]:
            loss = model.logits(model(torch.tensor([[1, 20 + number]]))).mean()
            return (loss * torch.nan if number == 4 else loss), {}, 2

        return step

    with pytest.raises(IntegrityError) as caught:
        train(run, "supervise", how, 9, run.base, build, lambda step, model: None)
    assert caught.value.code == "align.loss-not-finite"
    folder, step = latest(run, "supervise")
    assert folder is not None and step == 3
    verify(folder)


def test_run_into_a_folder_in_use_is_refused(whole: Whole, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        begin(recipe(tmp_path), whole[0])
    assert caught.value.code == "align.folder-taken"


def test_run_with_a_wrong_digest_does_not_begin(tmp_path: Path) -> None:
    path = recipe(
        tmp_path, lambda text: text.replace("[prompts]", f'digest = "sha256:{"0" * 64}"\n[prompts]')
    )
    with pytest.raises(IntegrityError) as caught:
        begin(path, tmp_path / "run")
    assert caught.value.code == "align.wrong-digest"
    assert not (tmp_path / "run").exists()


def test_run_on_a_full_disk_stops_and_goes_on_later(tmp_path: Path) -> None:
    import resource

    begin(recipe(tmp_path), tmp_path / "run")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
        with pytest.raises(UnavailableError) as caught:
            carry_on(tmp_path / "run", only="sample")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert caught.value.code == "align.disk"
    carry_on(tmp_path / "run", only="sample")
    assert len(list(RunLog(tmp_path / "run").rows("samples"))) == 26


def test_run_errors_are_all_of_our_tree(tmp_path: Path) -> None:
    with pytest.raises(FreeholdError):
        carry_on(tmp_path)
