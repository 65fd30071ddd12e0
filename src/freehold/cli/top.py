"""`freehold top`: a running gateway, live in the terminal."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncGenerator, Iterator
from typing import TYPE_CHECKING, Final

import click

from freehold.cli.output import emit_json, json_option

if TYPE_CHECKING:
    from rich.live import Live

    from freehold.cli.top_read import Frame
    from freehold.clock import Clock

QUIT: Final = (b"q", b"Q", b"\x04")
FIRST_SECONDS: Final = 0.3  # between the two readings of the first picture


@click.command()
@click.option("--admin", metavar="URL", help="Its admin port.  [default: of the gateway running here]")
@click.option(
    "--interval", type=click.FloatRange(0.1, 60), default=1.0, show_default=True, help="Seconds between two."
)
@click.option("--once", is_flag=True, help="Print one picture and end.")
@json_option
def command(admin: str | None, interval: float, once: bool, as_json: bool) -> None:
    """Watch a running gateway: homes, health, room, calls a second, latency, spend. `q` ends it."""
    from freehold.clock import SystemClock

    url = admin.rstrip("/") if admin is not None else _running_here()
    clock = SystemClock()
    if as_json or once or not sys.stdout.isatty():
        found = asyncio.run(_one(url, interval, clock))
        emit_json("top/1", found) if as_json else _print(found, url)
        return
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_live(url, interval, clock))


def _running_here() -> str:
    from freehold.cli.up import state_folder
    from freehold.errors import UnavailableError
    from freehold.gateway import read_state

    running = read_state(state_folder())
    if running is None:
        raise UnavailableError(
            "no gateway is running here", why=f"{state_folder()} has no gateway.json",
            fix="start one with freehold up, set FREEHOLD_HOME to its folder, or name its port: --admin",
            code="gateway.not-running",
        )  # fmt: skip
    return running.admin_url


async def _frames(url: str, interval: float, clock: Clock) -> AsyncGenerator[Frame]:
    from freehold.cli.top_read import frame, read

    before = await read(url, clock.monotonic_ns() / 1e9)
    while True:
        await asyncio.sleep(interval)
        now = await read(url, clock.monotonic_ns() / 1e9)
        yield frame(before, now)
        before = now


async def _one(url: str, interval: float, clock: Clock) -> Frame:
    async with contextlib.aclosing(_frames(url, interval, clock)) as frames:
        return await anext(frames)


def _print(found: Frame, url: str) -> None:
    from rich.console import Console

    from freehold.cli.show import WIDTH_PIPED
    from freehold.cli.top_draw import draw

    width = None if sys.stdout.isatty() or "COLUMNS" in os.environ else WIDTH_PIPED
    Console(markup=False, highlight=False, emoji=False, width=width).print(draw(found, url))


async def _live(url: str, interval: float, clock: Clock) -> None:
    """Drawn in place on the terminal's second screen, so that nothing flickers and nothing is left behind."""
    from rich.console import Console
    from rich.live import Live

    from freehold.cli.top_draw import draw

    console = Console(markup=False, highlight=False, emoji=False)
    first = await _one(
        url, min(interval, FIRST_SECONDS), clock
    )  # before the screen changes: an error is seen
    with (
        _quit_key() as quitting,
        Live(draw(first, url), console=console, screen=True, auto_refresh=False) as live,
    ):
        watching = asyncio.create_task(_redraw(live, url, interval, clock))
        ended = asyncio.create_task(quitting.wait())
        done, _ = await asyncio.wait({watching, ended}, return_when=asyncio.FIRST_COMPLETED)
        for task in {watching, ended} - done:
            task.cancel()
    if watching in done:
        watching.result()  # the gateway went away: say so


async def _redraw(live: Live, url: str, interval: float, clock: Clock) -> None:
    from freehold.cli.top_draw import draw

    async with contextlib.aclosing(_frames(url, interval, clock)) as frames:
        async for found in frames:
            live.update(draw(found, url), refresh=True)


@contextlib.contextmanager
def _quit_key() -> Iterator[asyncio.Event]:
    """Set when `q` is pressed. Keys are read one by one, and the terminal is given back as it was."""
    pressed = asyncio.Event()
    if not sys.stdin.isatty():
        yield pressed
        return
    import termios
    import tty

    number, loop = sys.stdin.fileno(), asyncio.get_running_loop()
    before = termios.tcgetattr(number)

    def key() -> None:
        if os.read(number, 1) in QUIT:
            pressed.set()

    tty.setcbreak(number)
    loop.add_reader(number, key)
    try:
        yield pressed
    finally:
        loop.remove_reader(number)
        termios.tcsetattr(number, termios.TCSADRAIN, before)
