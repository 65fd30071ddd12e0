"""Running a server in the foreground until it is told to stop."""

from __future__ import annotations

import asyncio
import signal


async def until_stopped(server: asyncio.Server) -> None:
    """SIGTERM and SIGINT stop it; what is in flight gets a moment to finish."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        await stop.wait()
    finally:
        server.close()
        await server.wait_closed()
