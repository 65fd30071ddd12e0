"""What may be compiled, and that a build without the switch compiles nothing."""

from __future__ import annotations

import ast
import zipfile
from functools import cache
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

import hatch_build

ROOT = Path(__file__).resolve().parent.parent
SRC = ROOT / "src"
LISTED = hatch_build.compiled_modules(ROOT)
# What gcc takes for its own once mypyc has put an underscore before it.
RESERVED = {
    "alignof", "asm", "attribute", "auto_type", "complex", "const", "extension", "func", "imag", "inline",
    "int128", "label", "real", "restrict", "signed", "thread", "typeof", "volatile",
}  # fmt: skip
# Bases of classes that stay ordinary ones, and may be inherited from by anybody.
ORDINARY = {"typing.Protocol", "typing.NamedTuple"}


def file_of(module: str) -> Path:
    return SRC / f"{module.replace('.', '/')}.py"


@cache
def classes(path: Path) -> dict[str, list[str]]:
    """Class -> its bases, dotted, as the imports of the file say. Of a generic base, the base."""
    parsed = ast.parse(path.read_text(encoding="utf-8"))
    own = ".".join(path.relative_to(SRC).with_suffix("").parts)
    known = {node.name: f"{own}.{node.name}" for node in parsed.body if isinstance(node, ast.ClassDef)}
    for node in ast.walk(parsed):
        if isinstance(node, ast.ImportFrom) and node.module:
            known |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    found = {}
    for node in ast.walk(parsed):
        if isinstance(node, ast.ClassDef):
            bases = [ast.unparse(base).partition("[")[0] for base in node.bases]
            found[f"{own}.{node.name}"] = [known.get(base, base) for base in bases]
    return found


def test_compiled_modules_exist_and_are_listed_in_order() -> None:
    assert [module for module in LISTED if not file_of(module).is_file()] == []
    assert sorted(set(LISTED)) == LISTED


def test_compiled_modules_define_nothing_that_msgspec_reads() -> None:
    wrong = [
        name
        for module in LISTED
        for name, bases in classes(file_of(module)).items()
        if "msgspec.Struct" in bases
    ]
    assert not wrong, (
        f"msgspec reads annotations that compilation changes; move them to a file of their own: {wrong}"
    )


def test_compiled_classes_are_inherited_from_in_compiled_modules_only() -> None:
    native = {
        name
        for module in LISTED
        for name, bases in classes(file_of(module)).items()
        if not ORDINARY & set(bases)
    }
    wrong = [
        f"{name} inherits from {base}"
        for path in sorted(SRC.rglob("*.py"))
        for name, bases in classes(path).items()
        for base in bases
        if base in native and name.rpartition(".")[0] not in LISTED
    ]
    assert not wrong, f"a compiled class has no interpreted heirs; list their modules too: {wrong}"


def test_compiled_modules_name_no_attribute_that_a_c_compiler_keeps_for_itself() -> None:
    wrong = [
        f"{module}:{node.lineno} {node.attr}"
        for module in LISTED
        for node in ast.walk(ast.parse(file_of(module).read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr.removeprefix("_") in RESERVED and node.attr[0] == "_"
    ]
    assert not wrong, wrong


def test_compiled_classes_give_no_method_a_second_name() -> None:
    wrong = [
        f"{module}:{node.lineno}"
        for module in LISTED
        for found in ast.walk(ast.parse(file_of(module).read_text(encoding="utf-8")))
        if isinstance(found, ast.ClassDef)
        for node in found.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Name)
        if any(isinstance(each, ast.FunctionDef) and each.name == node.value.id for each in found.body)
    ]
    assert not wrong, f"mypyc has no aliases of methods; write a method that calls the other: {wrong}"


def test_build_hook_needs_nothing_unless_it_is_asked_to_compile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(hatch_build.SWITCH, raising=False)
    assert WheelBuilder(str(ROOT)).config.dependencies == []
    monkeypatch.setenv(hatch_build.SWITCH, "1")
    needed = WheelBuilder(str(ROOT)).config.dependencies
    assert [name for name in needed if name.startswith("mypy[mypyc]")]


def test_build_hook_refuses_a_switch_that_says_neither_yes_nor_no(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(hatch_build.SWITCH, "yes")
    with pytest.raises(ValueError, match="'yes'; 1 compiles"):
        hatch_build.wanted()


def test_build_hook_names_the_compiler_that_is_missing_and_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CC", "no-such-compiler -m64")
    said = hatch_build.lacking()
    assert "no C compiler 'no-such-compiler' on PATH" in said
    assert "apt-get install gcc libc6-dev python3-dev" in said


def test_wheel_without_the_switch_is_pure_and_holds_every_compiled_module_as_source(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv(hatch_build.SWITCH, raising=False)
    (wheel,) = WheelBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"])
    names = set(zipfile.ZipFile(wheel).namelist())
    assert wheel.endswith("py3-none-any.whl")
    assert [name for name in names if name.endswith(".so")] == []
    assert {f"{module.replace('.', '/')}.py" for module in LISTED} <= names
