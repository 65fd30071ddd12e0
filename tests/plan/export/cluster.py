"""A Slurm controller of our own for as long as a test needs it: it judges scripts and starts nothing.

Its nodes are cloud nodes that are powered down: the controller counts on what the configuration says of them,
so that `--test-only` goes through the whole of its judgement without a single slurmd.
"""

from __future__ import annotations

import os
import pwd
import shlex
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

PACKAGES = {
    "slurmctld": "slurmctld", "sbatch": "slurm-client", "srun": "slurm-client", "sinfo": "slurm-client",
}  # fmt: skip
PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"  # where daemons are, which users seldom look into
START_SECONDS_MAX, STOP_SECONDS_MAX, ANSWER_SECONDS_MAX = 30.0, 20.0, 30.0
POLL_SECONDS = 0.05
CONFIGURATION = """
ClusterName=throwaway
SlurmctldHost={host}(127.0.0.1)
CommunicationParameters=NoCtldInAddrAny
SlurmUser={user}
SlurmctldPort={port}
SlurmdPort={other_port}
AuthType=auth/none
CredType=cred/none
StateSaveLocation={folder}
SlurmctldPidFile={folder}/pid
ProctrackType=proctrack/pgid
TaskPlugin=task/none
SelectType=select/cons_tres
MailProg=/bin/true
SuspendTime=3600
SuspendProgram=/bin/true
ResumeProgram=/bin/true
GresTypes={kinds}
{nodes}
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


class Nodes(NamedTuple):
    """Nodes that are alike, as the people of a site would write them down."""

    feature: str
    gres: str
    machines: int = 4


class Verdict(NamedTuple):
    accepted: bool
    words: str  # what Slurm said


class Cluster:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        # Nothing of a cluster that this machine may belong to: its variables would change the requests.
        self._environment = {"PATH": PATH, "SLURM_CONF": str(folder / "slurm.conf"), "LC_ALL": "C"}

    def judge(self, script: str) -> Verdict:
        """What sbatch and the controller say of a batch script, as if it were handed in."""
        path = self._folder / "script.sbatch"
        path.write_text(script, encoding="utf-8")
        return self.ask("sbatch", "--test-only", str(path))

    def judge_step(self, script: str) -> Verdict:
        """What srun says of the last line of a script, which sbatch does not look at."""
        program, *words = shlex.split(script.splitlines()[-1])
        assert program == "srun"
        return self.ask("srun", "--test-only", *words)

    def ask(self, program: str, *words: str) -> Verdict:
        done = subprocess.run(
            [shutil.which(program, path=PATH) or program, *words], env=self._environment, cwd=self._folder,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            timeout=ANSWER_SECONDS_MAX, check=False,
        )  # fmt: skip
        return Verdict(done.returncode == 0, done.stdout.strip())

    def start(self, log: Path) -> subprocess.Popen[bytes]:
        with log.open("wb") as out:
            return subprocess.Popen(
                [shutil.which("slurmctld", path=PATH) or "", "-D", "-f", self._environment["SLURM_CONF"]],
                env=self._environment, cwd=self._folder, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                start_new_session=True,
            )  # fmt: skip


@contextmanager
def controller(folder: Path, nodes: Sequence[Nodes]) -> Iterator[Cluster]:
    """A cluster of these nodes. Skips where Slurm is not installed, or not with what this needs."""
    for program, package in PACKAGES.items():
        if shutil.which(program, path=PATH) is None:
            pytest.skip(f"needs Slurm's {program}: apt-get install {package}")
    (folder / "slurm.conf").write_text(configuration(folder, nodes), encoding="utf-8")
    cluster, log = Cluster(folder), folder / "log"
    process = cluster.start(log)
    try:
        _wait_for(cluster, process, log)
        yield cluster
    finally:
        _stop(process)


def configuration(folder: Path, nodes: Sequence[Nodes]) -> str:
    lines = [
        f"NodeName=row{row}-[1-{one.machines}] CPUs=64 RealMemory=1000000 Gres={one.gres}"
        f" Feature={one.feature} State=CLOUD"
        for row, one in enumerate(nodes)
    ]
    port, other_port = _free_ports(2)
    return CONFIGURATION.format(
        host=socket.gethostname().partition(".")[0], user=pwd.getpwuid(os.getuid()).pw_name, folder=folder,
        port=port, other_port=other_port, nodes="\n".join(lines),
        kinds=",".join(sorted({one.gres.partition(":")[0] for one in nodes})),
    )  # fmt: skip


def _free_ports(count: int) -> list[int]:
    with ExitStack() as open_sockets:
        probes = [open_sockets.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]


def _wait_for(cluster: Cluster, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + START_SECONDS_MAX
    while not cluster.ask("sinfo").accepted:
        said = log.read_text(encoding="utf-8", errors="replace")
        if process.poll() is not None and "auth/none" in said:
            pytest.skip("needs a Slurm with the plugin auth/none; this one is built without it")
        assert process.poll() is None, f"slurmctld ended: {said[-2000:]}"
        assert time.monotonic() < until, f"slurmctld does not answer: {said[-2000:]}"
        time.sleep(POLL_SECONDS)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS_MAX)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(STOP_SECONDS_MAX)
