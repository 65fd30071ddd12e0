"""What .gitignore files say, nearest last; enough of the format for real ones."""

from __future__ import annotations

import re

FOLDERS_NEVER = frozenset(
    {
        ".git",
        ".hg",
        ".svn",
        "node_modules",
        "__pycache__",
        ".venv",
        "venv",
        ".tox",
        ".mypy_cache",
        ".ruff_cache",
        ".pytest_cache",
        ".terraform",
        "bower_components",
        "site-packages",
        ".next",
        ".nuxt",
        ".cache",
        ".idea",
        "dist",
        "vendor",
        "third_party",
        ".eggs",
    }
)
RULES_MAX = 5000


class Rules:
    """The rules of one folder's .gitignore, on top of its parent's."""

    __slots__ = ("_rules", "parent")

    def __init__(self, text: str, parent: Rules | None, base: str) -> None:
        self.parent = parent
        self._rules: list[tuple[re.Pattern[str], bool, bool]] = []
        for line in text.splitlines()[:RULES_MAX]:
            rule = _compile(line, base)
            if rule is not None:
                self._rules.append(rule)

    def ignores(self, path: str, *, folder: bool) -> bool:
        verdict = self.verdict(path, folder=folder)
        return bool(verdict)

    def verdict(self, path: str, *, folder: bool) -> bool | None:
        """The last rule that matches decides; None: no rule speaks."""
        for pattern, negated, only_folders in reversed(self._rules):
            if (folder or not only_folders) and pattern.fullmatch(path):
                return not negated
        return self.parent.verdict(path, folder=folder) if self.parent else None


def _compile(line: str, base: str) -> tuple[re.Pattern[str], bool, bool] | None:
    line = line.rstrip("\n")
    line = line if line.endswith("\\ ") else line.rstrip(" \t")
    if not line or line.startswith("#") or len(line) > 1000:
        return None
    negated = line.startswith("!")
    line = line[1:] if negated else line.removeprefix("\\")
    only_folders = line.endswith("/")
    line = line.rstrip("/")
    anchored = "/" in line
    line = line.lstrip("/")
    prefix = re.escape(base + "/") if base else ""
    middle = "" if anchored else "(?:.*/)?"
    try:
        return re.compile(prefix + middle + _glob(line)), negated, only_folders
    except re.error:
        return None


def _glob(text: str) -> str:
    parts: list[str] = []
    position = 0
    while position < len(text):
        if text.startswith("**/", position):
            parts.append("(?:.*/)?")
            position += 3
        elif text.startswith("**", position):
            parts.append(".*")
            position += 2
        elif text[position] == "*":
            parts.append("[^/]*")
            position += 1
        elif text[position] == "?":
            parts.append("[^/]")
            position += 1
        elif text[position] == "[" and "]" in text[position + 2 :]:
            end = text.index("]", position + 2)
            body = text[position + 1 : end].replace("\\", "\\\\")
            parts.append(f"[{'^' + body[1:] if body.startswith('!') else body}]")
            position = end + 1
        else:
            parts.append(re.escape(text[position]))
            position += 1
    return "".join(parts)
