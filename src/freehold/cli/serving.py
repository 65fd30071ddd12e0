"""Running a server in the foreground until it is told to stop."""

from __future__ import annotations

import asyncio
import signal


async def told_to_stop() -> None:
    """Returns at SIGTERM or SIGINT."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await stop.wait()


async def until_stopped(server: asyncio.Server) -> None:
    """SIGTERM and SIGINT stop it; what is in flight gets a moment to finish."""
    try:
        await told_to_stop()
    finally:
        server.close()
        await server.wait_closed()
