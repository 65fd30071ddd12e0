"""The files of a tree that are worth reading, and why the others are not.

Links are not followed, nothing but regular files is opened, no file is read beyond its limit, and a file that
changes while it is read gives what was there.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

import msgspec

from freehold.estate.scan.ignore import FOLDERS_NEVER, Rules
from freehold.estate.scan.report import Skipped

FILE_BYTES_MAX = 2 * 1024 * 1024
LINE_BYTES_MAX = 20_000
FOLDER_DEPTH_MAX = 64
IGNORE_BYTES_MAX = 256 * 1024
BINARY_PROBE_BYTES = 4096
SKIPPED_MAX = 10_000

KINDS: dict[str, str] = {
    ".py": "python",
    ".ipynb": "notebook",
    ".js": "javascript",
    ".mjs": "javascript",
    ".cjs": "javascript",
    ".jsx": "javascript",
    ".ts": "javascript",
    ".tsx": "javascript",
    ".mts": "javascript",
    ".cts": "javascript",
    ".vue": "javascript",
    ".svelte": "javascript",
    ".json": "json",
    ".jsonc": "json",
    ".json5": "json",
    ".yaml": "yaml",
    ".yml": "yaml",
    ".template": "template",
    ".tpl": "yaml",
    ".j2": "yaml",
    ".toml": "toml",
    ".ini": "toml",
    ".cfg": "toml",
    ".conf": "toml",
    ".properties": "dotenv",
    ".tf": "hcl",
    ".tfvars": "hcl",
    ".hcl": "hcl",
    ".bicep": "hcl",
    ".env": "dotenv",
    ".sh": "shell",
    ".bash": "shell",
    ".zsh": "shell",
    ".sql": "sql",
    ".mk": "make",
    ".dockerfile": "docker",
}
_NAMES: dict[str, str] = {
    "dockerfile": "docker",
    "containerfile": "docker",
    "makefile": "make",
    "gnumakefile": "make",
    "justfile": "make",
    "procfile": "shell",
    "jenkinsfile": "shell",
}
_MANIFEST = re.compile(
    r"requirements[\w.-]*\.(txt|in)|pyproject\.toml|setup\.cfg|Pipfile|package\.json|environment\.ya?ml"
)
_AWS_CONFIG = re.compile(r"(?:^|/)(?:\.aws/config|\.?aws[-_.]config(?:\.ini)?)$")
# Places that speak of models without using them.
_ASIDE = re.compile(
    r"(?:^|/)(?:tests?|__tests__|testing|testdata|test_data|spec|specs|fixtures?|mocks?|__mocks__|samples?|events|locales?|i18n"
    r"|\w*_data|grafana|dashboards?|prometheus|snapshots|__snapshots__|cassettes|e2e|docs?)/"
    r"|(?:^|/)(?:test_[^/]*|[^/]*_test\.\w+|conftest\.py|[^/]*\.(?:test|spec|stories)\.\w+|mock_[^/]*|[^/]*\.min\.js"
    r"|[^/]*[._-]lock\.\w+|package-lock\.json|yarn\.lock|pnpm-lock\.yaml|[^/]*\.pyi|[^/]*\.d\.ts)$"
)


class File(msgspec.Struct, frozen=True, array_like=True):
    path: str  # relative to the root, as it can be shown
    real: str
    kind: str


def kind_of(path: str) -> str | None:
    name = path.rpartition("/")[2]
    lower = name.lower()
    if _MANIFEST.fullmatch(name):
        return "manifest"
    if lower.startswith(".env") or lower.endswith(".env"):
        return "dotenv"
    if _AWS_CONFIG.search(lower):
        return "toml"  # the same tables and keys
    stem = lower.partition(".")[0]
    if stem in _NAMES:
        return _NAMES[stem]
    return KINDS.get(os.path.splitext(lower)[1])


def is_aside(path: str) -> bool:
    return _ASIDE.search(path) is not None


class Walk:
    """Iterate over it for the files; `skipped` says what was passed over, `seen` counts entries."""

    def __init__(self, root: Path) -> None:
        self.root = os.fspath(root)
        self.skipped: list[Skipped] = []
        self.seen = 0

    def __iter__(self) -> Iterator[File]:
        yield from self._folder(self.root, "", Rules("", None, ""), 0)

    def skip(self, path: str, why: str) -> None:
        if len(self.skipped) < SKIPPED_MAX:
            self.skipped.append(Skipped(path=show(path), why=why))

    def _folder(self, real: str, path: str, rules: Rules, depth: int) -> Iterator[File]:
        if depth > FOLDER_DEPTH_MAX:
            self.skip(path, f"folders are nested more than {FOLDER_DEPTH_MAX} deep")
            return
        try:
            with os.scandir(real) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except OSError as error:
            self.skip(path or ".", f"the folder cannot be read: {error.strerror}")
            return
        if any(entry.name == ".gitignore" for entry in entries):
            rules = Rules(_text(os.path.join(real, ".gitignore")), rules, path)
        for entry in entries:
            yield from self._entry(entry, f"{path}/{entry.name}" if path else entry.name, rules, depth)

    def _entry(self, entry: os.DirEntry[str], path: str, rules: Rules, depth: int) -> Iterator[File]:
        self.seen += 1
        try:
            if entry.is_symlink():
                self.skip(path, "a link; links are not followed")
            elif entry.is_dir(follow_symlinks=False):
                if entry.name not in FOLDERS_NEVER and not rules.ignores(path, folder=True):
                    yield from self._folder(entry.path, path, rules, depth + 1)
            elif (kind := kind_of(path)) is not None and not rules.ignores(path, folder=False):
                yield from self._file(entry, path, kind)
        except OSError as error:
            self.skip(path, f"it cannot be looked at: {error.strerror}")

    def _file(self, entry: os.DirEntry[str], path: str, kind: str) -> Iterator[File]:
        status = entry.stat(follow_symlinks=False)
        if not stat.S_ISREG(status.st_mode):
            self.skip(path, "not a regular file")
        elif status.st_size > FILE_BYTES_MAX:
            self.skip(path, f"larger than {FILE_BYTES_MAX // 2**20} MiB")
        elif status.st_size and (kind == "manifest" or not is_aside(path)):
            yield File(path, entry.path, kind)


def read(real: str) -> tuple[bytes, str | None]:
    """The bytes of a file, or why they are no text to read."""
    try:
        descriptor = os.open(real, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        return b"", f"it cannot be opened: {error.strerror}"
    with os.fdopen(descriptor, "rb") as file:
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                return b"", "not a regular file"
            data = file.read(FILE_BYTES_MAX + 1)
        except OSError as error:
            return b"", f"it cannot be read: {error.strerror}"
    if len(data) > FILE_BYTES_MAX:
        return b"", "it grew beyond the limit while it was read"
    if b"\0" in data[:BINARY_PROBE_BYTES]:
        return b"", "binary"
    return data, None


def is_minified(data: bytes) -> bool:
    return len(data) > LINE_BYTES_MAX and max(map(len, data.split(b"\n"))) > LINE_BYTES_MAX


def show(path: str) -> str:
    """A name that is not UTF-8, with its odd bytes escaped."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _text(path: str) -> str:
    data, _ = read(path)
    return data[:IGNORE_BYTES_MAX].decode("utf-8", "replace")
