"""What a burst took goes back to the system, though something allocated after it stays."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

BURST = """
import asyncio
from contextlib import suppress

from freehold.gateway.memory import give_back, keep_trimmed
from freehold.gateway.worker import resident_bytes

give_back()
before = resident_bytes()
burst = [bytes(1000) for _ in range(40_000)]
kept = bytes(1000)  # lies above the burst, and holds the top of the heap up
burst.clear()
held = resident_bytes()
with suppress(TimeoutError):
    asyncio.run(asyncio.wait_for(keep_trimmed(0.02), 0.3))
print(before, held, resident_bytes())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc gives pages back when asked")
def test_pages_below_one_in_use_go_back() -> None:
    told = subprocess.run([sys.executable, "-c", BURST], capture_output=True, text=True, check=True).stdout
    before, held, after = map(int, told.split())
    assert held - before > 30_000_000
    assert after - before < 5_000_000
