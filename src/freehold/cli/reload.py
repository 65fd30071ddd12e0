"""`freehold reload`: a running gateway reads its settings again."""

from __future__ import annotations

import asyncio

import click
import msgspec

from freehold.cli.output import emit_json, json_option
from freehold.errors import InputError, UnavailableError


class _Answer(msgspec.Struct):
    generation: int
    processes: int
    problems: tuple[str, ...] = ()
    at_start: tuple[str, ...] = ()


@click.command()
@json_option
def command(as_json: bool) -> None:
    """Make the running gateway read its settings again. A bad file changes nothing."""
    answer = asyncio.run(_ask())
    if answer.problems:
        raise InputError(
            "the settings were not taken; the old ones stay in force", why="\n".join(answer.problems),
            fix="correct the file and reload again", code="gateway.reload-refused",
        )  # fmt: skip
    if as_json:
        data = {"generation": answer.generation, "processes": answer.processes, "at_start": answer.at_start}
        emit_json("reload/1", data)
    else:
        click.echo(f"settings read: generation {answer.generation} in {answer.processes} process(es)")
        if answer.at_start:
            click.echo(f"changed, and in force from the next start only: {', '.join(answer.at_start)}")


async def _ask() -> _Answer:
    from freehold import wire
    from freehold.cli.up import state_folder
    from freehold.gateway import read_state

    running = read_state(state_folder())
    if running is None:
        raise UnavailableError(
            "no gateway is running here", why=f"{state_folder()} has no gateway.json",
            fix="start one with freehold up, or set FREEHOLD_HOME to its folder", code="gateway.not-running",
        )  # fmt: skip
    headers = {"authorization": f"Bearer {running.token}"}
    try:
        async with await wire.request("POST", f"{running.admin_url}/reload", headers=headers) as response:
            body = await response.read()
    except (OSError, TimeoutError, wire.WireError) as error:
        raise UnavailableError(
            f"the gateway at {running.admin_url} does not answer", why=type(error).__name__,
            fix="see that it is up", code="gateway.not-running",
        ) from error  # fmt: skip
    if response.status != 200:
        raise UnavailableError(
            f"the gateway at {running.admin_url} refused to reload", why=f"status {response.status}",
            fix="use the FREEHOLD_HOME that it was started with", code="gateway.not-running",
        )  # fmt: skip
    return msgspec.json.decode(body, type=_Answer)
