"""Declared packages: requirements, pyproject, package.json. A declared library that nothing imports is no
use.
"""

from __future__ import annotations

import re

import msgspec

from freehold.estate.scan import knowledge as know

_PYTHON = re.compile(r"""^\s*(?:-\s+)?["']?([A-Za-z0-9][\w.-]*)(?:\[[^\]]*\])?\s*(?:[=<>~!;,"'].*|)$""")
_JS = re.compile(r'^\s*"(@?[\w./-]+)"\s*:\s*"[^"]*"')


class Declared(msgspec.Struct, frozen=True, kw_only=True):
    package: str
    line: int
    client: know.Client
    modules: tuple[str, ...]


def read(path: str, text: str) -> list[Declared]:
    javascript = path.endswith("package.json")
    found: list[Declared] = []
    for number, line in enumerate(text.splitlines(), 1):
        match = (_JS if javascript else _PYTHON).match(line)
        if match is None:
            continue
        name = match[1] if javascript else match[1].lower().replace("_", "-")
        if javascript and name in know.JS_PACKAGES:
            found.append(Declared(package=name, line=number, client=know.JS_PACKAGES[name], modules=(name,)))
        elif not javascript and name in know.PACKAGES:
            client, modules = know.PACKAGES[name]
            found.append(Declared(package=name, line=number, client=client, modules=modules))
    return found
