"""Which part of a process a line of perf's report belongs to."""

from __future__ import annotations

import pytest

from bench.gateway_profile import OTHER, part_of


@pytest.mark.parametrize(
    ("dso", "part"),
    [
        ("[kernel.kallsyms]", "kernel"),
        ("python3.11", "interpreter"),
        ("libpython3.11.so.1.0", "interpreter"),
        ("freehold__mypyc.cpython-311-x86_64-linux-gnu.so", "our code, compiled"),
        ("_core.cpython-311-x86_64-linux-gnu.so", "msgspec"),
        ("loop.cpython-311-x86_64-linux-gnu.so", "uvloop"),
        ("libcrypto.so.3", "OpenSSL"),
        ("libc.so.6", "C library"),
        ("[vdso]", "C library"),
        ("libz.so.1.2.13", "zlib"),
        ("nginx", "nginx"),
        ("libunheard-of.so", OTHER),
    ],
)
def test_part_of_a_library(dso: str, part: str) -> None:
    assert part_of(dso) == part
