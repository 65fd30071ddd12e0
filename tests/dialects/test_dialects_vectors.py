"""The recorded bytes, and what the script that records them would write now."""

from __future__ import annotations

from scripts import dialect_vectors


def test_rebuilding_the_vectors_leaves_a_clean_diff() -> None:
    now = dialect_vectors.recorded()
    kept = {path.relative_to(dialect_vectors.OUT).as_posix(): path.read_bytes()
            for path in dialect_vectors.OUT.rglob("*") if path.is_file()}  # fmt: skip
    assert sorted(now) == sorted(kept)
    changed = [name for name in now if now[name] != kept[name]]
    assert not changed, f"run: python scripts/dialect_vectors.py ({changed})"
