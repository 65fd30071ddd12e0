"""What is installed, and that all of it is locked, argued for and free of where it came from."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LOCKS = sorted((ROOT / "requirements").glob("*.lock"))
CORE_DEPENDENCIES_MAX = 10


def core_dependencies() -> list[str]:
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    dependencies: list[str] = listed["project"]["dependencies"]
    return dependencies


def names(requirements: list[str]) -> list[str]:
    return [re.split(r"[\[<>=!~; ]", line, maxsplit=1)[0].lower() for line in requirements]


def lines(path: Path) -> list[str]:
    text = path.read_text(encoding="utf-8")
    return [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]


def test_core_has_at_most_ten_direct_dependencies() -> None:
    assert 0 < len(core_dependencies()) <= CORE_DEPENDENCIES_MAX


def test_core_dependencies_are_each_argued_in_the_architecture() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    table = text.partition("## Dependencies")[2]
    missing = [name for name in names(core_dependencies()) if f"| {name} |" not in table]
    assert not missing, f"argue for them under '## Dependencies' in ARCHITECTURE.md: {missing}"


def test_core_requirements_say_what_the_package_says() -> None:
    assert lines(ROOT / "requirements/core.in") == core_dependencies()


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.stem)
def test_lock_pins_every_package_with_a_hash(lock: Path) -> None:
    entries = re.split(r"\n(?=\S)", lock.read_text(encoding="utf-8").strip())
    bare = [entry[:60] for entry in entries if "==" not in entry or "--hash=sha256:" not in entry]
    assert len(entries) > 5
    assert not bare, bare


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.stem)
def test_lock_names_no_host_and_no_folder(lock: Path) -> None:
    assert (
        re.findall(r"\w+://\S*|(?<![\w.])/\w+\S*|^--?\w.*", lock.read_text(encoding="utf-8"), re.MULTILINE)
        == []
    )


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.stem)
def test_lock_leaves_torch_to_a_file_of_its_own(lock: Path) -> None:
    assert not re.search(r"^(torch|nvidia-[\w-]+|triton)==", lock.read_text(encoding="utf-8"), re.MULTILINE)


def test_torch_is_pinned_by_version_alone() -> None:
    (pin,) = lines(ROOT / "requirements/torch.txt")
    assert re.fullmatch(r"torch==\d+\.\d+\.\d+", pin)


def test_core_lock_is_part_of_the_set_that_tests_run_with() -> None:
    dev = set(re.findall(r"^\S+==\S+", (ROOT / "requirements/dev.lock").read_text(), re.MULTILINE))
    core = set(re.findall(r"^\S+==\S+", (ROOT / "requirements/core.lock").read_text(), re.MULTILINE))
    assert core <= dev
