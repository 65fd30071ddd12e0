"""The house rules, held by the machine. A failure here names the rule, the place and what to do instead."""

from __future__ import annotations

import ast
import builtins
import importlib
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from freehold.cli.table import COMMANDS, GROUPS
from scripts import docs_cli

ROOT = Path(__file__).resolve().parent.parent
SRC = ROOT / "src" / "freehold"

# Room -> the rooms it may import, beside the core and itself. An unknown room fails: give it a place here.
CORE = {"errors", "types", "units", "clock", "config", "wire", "__init__", "__main__"}
LAYER_1 = {"ledger", "estate", "dialects"}
LAYER_2 = {"pocket", "seal", "plan", "watch"}
LAYER_3 = {"gateway", "jobs", "align"}
NOTHING: set[str] = set()
ROOMS: dict[str, set[str]] = dict.fromkeys(LAYER_1, NOTHING)
ROOMS.update(dict.fromkeys(LAYER_2, LAYER_1))
ROOMS.update(dict.fromkeys(LAYER_3, LAYER_1 | LAYER_2))
ROOMS["console"] = LAYER_1 | LAYER_2
ROOMS["cli"] = LAYER_1 | LAYER_2 | LAYER_3 | {"console"}

# What the core files may import from outside: the schema library everywhere, the HTTP parser in wire.
CORE_OUTSIDE = {"msgspec": CORE, "httptools": {"wire"}}

# torch lives where models are trained or looked into, and nowhere else.
TORCH_HOMES = ("align/", "watch/inside/")

# Not loaded by `import freehold.cli.main`: what would make every command slow, or needs an extra.
HEAVY = (
    "aiohttp", "anthropic", "azure", "boto3", "botocore", "cbor2", "cryptography", "google", "highspy",
    "httptools", "jinja2", "numpy", "openai", "psycopg", "ray", "redis", "requests", "safetensors",
    "starlette", "tokenizers", "torch", "transformers", "uvicorn", "uvloop",
)  # fmt: skip

FUNCTION_LINES_MAX = 70
FILE_LINES_MAX = 650
FILE_BYTES_MAX = 500_000
# "path:function" or "path" -> why it is better long.
LONG_FUNCTIONS: dict[str, str] = {}
LONG_FILES: dict[str, str] = {}
LARGE_FILES: dict[str, str] = {
    "src/freehold/pocket/lm/model/model.safetensors": "the weights of the pocket model, 2 MB",
}


class Banned(NamedTuple):
    name: str  # a dotted name as it is imported or called, or a keyword of ours such as "assert"
    where: str  # a prefix of the path under src/freehold; "" is everywhere
    instead: str
    but: tuple[str, ...] = ()  # path prefixes where it is right


BANNED = (
    Banned("print", "", "click.echo or freehold.cli.output, in a command", ("cli/",)),
    Banned("requests", "", "freehold.wire"),
    Banned("urllib.request", "", "freehold.wire"),
    Banned("httpx", "", "freehold.wire"),
    Banned("datetime.utcnow", "", "a Clock passed in"),
    Banned("datetime.datetime.utcnow", "", "a Clock passed in"),
    Banned("datetime.now", "", "a Clock passed in"),
    Banned("datetime.datetime.now", "", "a Clock passed in"),
    Banned("time.time", "", "a Clock passed in", ("clock.py",)),
    Banned("time.time_ns", "", "a Clock passed in", ("clock.py",)),
    Banned("time.monotonic", "", "a Clock passed in", ("clock.py",)),
    Banned("time.monotonic_ns", "", "a Clock passed in", ("clock.py",)),
    Banned("time.sleep", "", "asyncio.sleep, or an event that says it is time"),
    *(
        Banned(f"random.{name}", "", "a random.Random passed in")
        for name in ("random", "randint", "randrange", "choice", "choices", "shuffle", "uniform", "seed")
    ),
    Banned("assert", "seal/", "an explicit check that raises IntegrityError; -O drops asserts"),
    Banned("assert", "ledger/", "an explicit check that raises IntegrityError; -O drops asserts"),
    Banned("json", "dialects/", "msgspec.json"),
    Banned("json", "gateway/", "msgspec.json"),
    Banned("pickle", "", "msgspec, or safetensors for weights"),
    Banned("os.system", "", "subprocess.run with a list"),
    Banned("yaml", "", "TOML, by tomllib"),
    Banned("eval", "", "a parser"),
    Banned("exec", "", "a table of functions"),
    Banned("NotImplementedError", "", "a typing.Protocol, or the code itself"),
    Banned("unittest.mock", "", "a pocket home, or a fake that ships"),
)  # fmt: skip


class Import(NamedTuple):
    source: str  # dotted module that imports
    target: str  # dotted module or outside package
    line: int


def sources() -> list[Path]:
    return sorted(SRC.rglob("*.py"))


def under_src(path: Path) -> str:
    return path.relative_to(SRC).as_posix()


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def dotted(path: Path) -> str:
    parts = path.relative_to(SRC.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room_of(module: str) -> str:
    """ "freehold.ledger.plain" -> "ledger"; "freehold" itself -> "__init__"."""
    parts = module.split(".")
    name = parts[1] if len(parts) > 1 else "__init__"
    return "config" if name.startswith("config") else name


@cache
def module_names() -> frozenset[str]:
    return frozenset(dotted(path) for path in sources())


def imports_of(path: Path) -> Iterator[Import]:
    """Every import, inside functions and under TYPE_CHECKING too."""
    source = dotted(path)
    package = source if path.name == "__init__.py" else source.rpartition(".")[0]
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(source, alias.name, node.lineno)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, *([base] if base else [])])
            for alias in node.names:
                full = f"{base}.{alias.name}"
                yield Import(source, full if full in module_names() else base, node.lineno)


@cache
def all_imports() -> tuple[Import, ...]:
    return tuple(found for path in sources() for found in imports_of(path))


def test_layers_every_room_imports_only_downwards() -> None:
    wrong = []
    for found in all_imports():
        if found.target.partition(".")[0] != "freehold":
            continue
        source, target = room_of(found.source), room_of(found.target)
        allowed = CORE | {source} | ROOMS.get(source, set())
        if source not in ("__init__", "__main__") and target not in allowed:
            wrong.append(f"{found.source}:{found.line} imports {found.target}; pass the object in from cli")
    assert not wrong, "\n".join(wrong)


def test_layers_every_room_has_a_place_in_them() -> None:
    rooms = {room_of(name) for name in module_names()}
    assert rooms - CORE - set(ROOMS) == set(), (
        "give the room a layer in tests/test_tidy.py and ARCHITECTURE.md"
    )


def test_core_files_import_only_the_standard_and_the_schema_library() -> None:
    wrong = []
    for found in all_imports():
        outside, room = found.target.partition(".")[0], room_of(found.source)
        if room not in CORE or outside == "freehold" or outside in sys.stdlib_module_names:
            continue
        if room not in CORE_OUTSIDE.get(outside, set()):
            wrong.append(f"{found.source}:{found.line} imports {outside}")
    assert not wrong, "\n".join(wrong)


def test_torch_is_imported_only_where_models_are_trained_or_looked_into() -> None:
    wrong = [
        f"{under_src(path)}:{found.line}"
        for path in sources()
        if not under_src(path).startswith(TORCH_HOMES)
        for found in imports_of(path)
        if found.target.partition(".")[0] == "torch"
    ]
    assert not wrong, wrong


def find_cycle(graph: dict[str, set[str]]) -> list[str]:
    """One cycle as a path of names, or nothing."""
    state: dict[str, bool] = {}  # False: on the path, True: done

    def visit(name: str, path: list[str]) -> list[str]:
        if name in state:
            return [] if state[name] else [*path[path.index(name) :], name]
        state[name] = False
        for target in sorted(graph.get(name, ())):
            if cycle := visit(target, [*path, name]):
                return cycle
        state[name] = True
        return []

    return next((cycle for name in sorted(graph) if (cycle := visit(name, []))), [])


def test_modules_import_each_other_in_no_circle() -> None:
    graph: dict[str, set[str]] = {}
    for found in all_imports():
        if found.target in module_names() and found.target != found.source:
            graph.setdefault(found.source, set()).add(found.target)
    assert find_cycle(graph) == []


def test_find_cycle_sees_a_circle_of_three() -> None:
    assert find_cycle({"a": {"b"}, "b": {"c"}, "c": {"a"}}) == ["a", "b", "c", "a"]


def test_command_line_loads_nothing_heavy() -> None:
    code = "import sys, freehold.cli.main; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert sorted(set(HEAVY) & {name.partition(".")[0] for name in loaded}) == []


def test_command_rows_name_commands_that_import() -> None:
    for row in COMMANDS:
        module, _, attribute = row.target.partition(":")
        assert callable(getattr(importlib.import_module(module), attribute)), row.words


def test_command_reference_is_what_the_commands_say() -> None:
    written = (ROOT / "docs/reference/cli.md").read_text(encoding="utf-8")
    assert written == docs_cli.page(), "run: make docs"


def test_command_names_are_a_leaf_or_a_group_and_never_both() -> None:
    leaves = {row.words for row in COMMANDS}
    parents = {row.words.rpartition(" ")[0] for row in COMMANDS} - {""}
    assert parents == set(GROUPS)
    assert leaves & set(GROUPS) == set()
    assert len(leaves) == len(COMMANDS)


ERROR_CODE = re.compile(r"[a-z]+(?:-[a-z]+)*\.[a-z0-9]+(?:-[a-z0-9]+)*")
HEADING = re.compile(rf"^##+ `?({ERROR_CODE.pattern})`?\s*$", re.MULTILINE)


def raised_codes() -> dict[str, str]:
    """Error code -> a place that gives it as code="room.kebab"."""
    found: dict[str, str] = {}
    for path in sources():
        for node in ast.walk(tree(path)):
            if not isinstance(node, ast.keyword) or node.arg != "code":
                continue
            for value in ast.walk(node.value):
                text = value.value if isinstance(value, ast.Constant) else None
                if isinstance(text, str) and ERROR_CODE.fullmatch(text):
                    found.setdefault(text, f"{under_src(path)}:{value.lineno}")
    return found


def string_constants() -> set[str]:
    return {
        node.value
        for path in sources()
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def documented_codes() -> list[str]:
    return HEADING.findall((ROOT / "docs/reference/errors.md").read_text(encoding="utf-8"))


def test_error_code_has_a_heading_in_the_reference() -> None:
    known = set(documented_codes())
    missing = [f"{code} ({place})" for code, place in raised_codes().items() if code not in known]
    assert not missing, f"add '### CODE' to docs/reference/errors.md: {missing}"


def test_error_heading_is_of_a_code_that_exists_and_appears_once() -> None:
    headings = documented_codes()
    assert set(headings) - string_constants() == set()
    assert len(headings) == len(set(headings))


def uses(path: Path) -> Iterator[tuple[str, int]]:
    """Dotted names imported, called or raised in a file, as they read after its imports are followed."""
    known: dict[str, str] = {}
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
                known[alias.asname or alias.name.partition(".")[0]] = (
                    alias.name if alias.asname else alias.name.partition(".")[0]
                )
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                yield f"{node.module}.{alias.name}", node.lineno
                known[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Assert):
            yield "assert", node.lineno
        elif isinstance(node, ast.Attribute | ast.Name):
            head, dot, rest = ast.unparse(node).partition(".")
            if head in known or head in dir(builtins):  # a parameter called requests is not the library
                yield known.get(head, head) + dot + rest, node.lineno


def breaks(ban: Banned, place: str, name: str) -> bool:
    named = name == ban.name or (ban.name.islower() and name.startswith(f"{ban.name}."))
    return named and place.startswith(ban.where) and not place.startswith(ban.but or ("\0",))


def test_banned_names_are_not_used() -> None:
    wrong = {
        f"{under_src(path)}:{line} uses {ban.name}; use {ban.instead}"
        for path in sources()
        for name, line in uses(path)
        for ban in BANNED
        if breaks(ban, under_src(path), name)
    }
    assert not wrong, "\n".join(sorted(wrong))


def test_banned_names_are_found_behind_an_alias(tmp_path: Path) -> None:
    file = tmp_path / "x.py"
    file.write_text("from time import time as now\nimport random as dice\nnow()\ndice.choice([1])\n")
    names = {name for name, _ in uses(file)}
    assert {"time.time", "random.choice"} <= names


def test_tests_use_no_mocks() -> None:
    mocks = Banned("unittest.mock", "", "a pocket home, or a fake that ships")
    wrong = [path.name for path in written_tests() for name, _ in uses(path) if breaks(mocks, "", name)]
    assert not wrong, f"use {mocks.instead}: {wrong}"


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def test_functions_fit_on_a_page_or_are_named_with_a_reason() -> None:
    long = {
        f"{under_src(path)}:{node.name}"
        for path in sources()
        for node in functions(path)
        if (node.end_lineno or 0) - node.lineno + 1 > FUNCTION_LINES_MAX
    }
    assert long == set(LONG_FUNCTIONS)


def test_files_are_short_or_are_named_with_a_reason() -> None:
    paths = [*sources(), *written_tests(), *sorted((ROOT / "bench").rglob("*.py"))]
    long = {
        path.relative_to(ROOT).as_posix()
        for path in paths
        if len(path.read_text(encoding="utf-8").splitlines()) > FILE_LINES_MAX
    }
    assert long == set(LONG_FILES)


def tracked() -> list[str]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode != 0:
        pytest.skip("not a git checkout, so there is no list of tracked files")
    return [name for name in listed.stdout.split("\0") if name]


def test_tracked_files_are_small_or_are_named_with_a_reason() -> None:
    large = {
        name
        for name in tracked()
        if (ROOT / name).is_file() and (ROOT / name).stat().st_size > FILE_BYTES_MAX
    }
    assert large == set(LARGE_FILES)


def test_modules_are_named_after_a_noun_and_not_after_a_drawer() -> None:
    drawers = {"utils", "util", "helpers", "helper", "misc", "common", "stuff"}
    assert [name for name in module_names() if name.rpartition(".")[2] in drawers] == []


def test_sources_hold_no_unfinished_marks() -> None:
    marks = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
    paths = [*sources(), *(path for path in written_tests() if path != Path(__file__).resolve())]
    assert [path.name for path in paths if marks.search(path.read_text(encoding="utf-8"))] == []


def test_room_docstring_says_what_it_knows_in_five_to_fifteen_lines() -> None:
    wrong = []
    for room in sorted(path.parent for path in SRC.glob("*/__init__.py")):
        if not any(path.stat().st_size for path in room.rglob("*.py")):
            continue  # an empty room has nothing to say yet
        body = tree(room / "__init__.py").body
        first = body[0] if body else None
        docstring = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
        lines = first.end_lineno - first.lineno + 1 if docstring and first and first.end_lineno else 0
        if not 5 <= lines <= 15:
            wrong.append(f"{room.name}: {lines} lines")
    assert not wrong, wrong


def written_tests() -> list[Path]:
    return sorted((ROOT / "tests").rglob("test_*.py"))


def mirrored(path: Path) -> bool:
    """tests/ROOM/test_FILE.py or test_FILE_ASPECT.py stands beside src/freehold/ROOM/FILE.py, or the room."""
    folder = path.parent.relative_to(ROOT / "tests")
    stem = path.stem.removeprefix("test_")
    homes = [SRC / folder, ROOT / folder] if folder.parts else [ROOT / "scripts"]
    if folder.parts[:1] == ("core",):
        homes = [SRC]
    names = {file.stem for home in homes if home.is_dir() for file in home.glob("*.py")}
    names |= {file.name for home in homes if home.is_dir() for file in home.iterdir() if file.is_dir()}
    names |= {folder.parts[-1]} if folder.parts else {"tidy", "docs", "install", "compiled"}
    return any(stem == name or stem.startswith(f"{name}_") for name in names)


def test_test_files_mirror_what_they_test() -> None:
    wrong = [path.relative_to(ROOT).as_posix() for path in written_tests() if not mirrored(path)]
    assert not wrong, f"name it test_<file>.py in the folder of its room: {wrong}"


def test_test_names_say_thing_and_behaviour() -> None:
    wrong = [
        f"{path.relative_to(ROOT).as_posix()}:{node.name}"
        for path in written_tests()
        for node in functions(path)
        if node.name.startswith("test_") and node.name.count("_") < 3
    ]
    assert not wrong, f"say what it does and when, such as test_budget_refuses_an_empty_slice: {wrong}"
