"""The shared state that the key commands and the gateway have in common, as [state] says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from freehold.cli.state_folder import state_folder

if TYPE_CHECKING:
    from freehold.config import Loaded
    from freehold.gateway.keys import KeyBook
    from freehold.gateway.settings import StateSettings
    from freehold.gateway.sharing import Stores
    from freehold.gateway.state import State


def state_settings(config: str | None) -> tuple[StateSettings, Loaded]:
    from freehold.cli.loading import load_settings
    from freehold.gateway.settings import StateSettings

    loaded = load_settings(config, absent_ok=config is None)
    return loaded.section("state", StateSettings), loaded


def stores_of(config: str | None) -> Stores:
    """Where [state] says that gateways share what they share; a file of this machine if it says nothing."""
    from freehold.config import resolve_secret
    from freehold.gateway.sharing import Stores
    from freehold.gateway.state.opening import STATE_NAME, opener

    settings, loaded = state_settings(config)
    source = Path(config or "freehold.toml") if loaded.source is None else Path(loaded.source)
    found = [
        opener(kind, resolve_secret(secret, allow_commands=True, source=source).reveal())
        for kind, secret in (("postgres", settings.postgres), ("redis", settings.redis))
        if secret is not None
    ]
    folder, shared = state_folder(), bool(found)
    found = found or [opener("sqlite", settings.file or folder / STATE_NAME)]
    return Stores(
        lasting=found[0], quick=found[1] if len(found) > 1 else None, lease_s=settings.lease.seconds,
        ready_s=settings.ready.seconds,
        folder=folder, shared=shared, gossips=shared or settings.file is not None,
    )  # fmt: skip


def name_unknown_workloads(config: str | None, named: Sequence[str]) -> None:
    """Say which workloads a key names and the file does not. They may come later: no error."""
    from freehold.errors import nearest

    if not named:
        return
    _, loaded = state_settings(config)
    known = loaded.sections["workloads"]
    if loaded.source is None or not known:
        return
    for name in named:
        if name not in known:
            near = nearest(name, known)
            meant = f"; did you mean {near!r}?" if near else ""
            click.echo(f"there is no workload {name!r} in {loaded.source} so far{meant}", err=True)


def admin_digest(config: str | None) -> bytes | None:
    """The hash of the admin key that the settings name, if they do."""
    from freehold.cli.loading import load_settings
    from freehold.config import resolve_secret
    from freehold.gateway.keys import digest
    from freehold.gateway.settings import GatewaySettings

    loaded = load_settings(config, absent_ok=config is None)
    secret = loaded.section("gateway", GatewaySettings).admin_key
    if secret is None:
        return None
    return digest(resolve_secret(secret, allow_commands=True, source=loaded.source).reveal())


@contextmanager
def open_states(config: str | None) -> Iterator[list[State]]:
    """The store of keys and dollars, and the quick one if there are two."""
    stores = stores_of(config)
    opened = [stores.lasting()]
    try:
        if stores.quick is not None:
            opened.append(stores.quick())
        yield opened
    finally:
        for state in opened:
            state.close()


@contextmanager
def key_book(config: str | None) -> Iterator[KeyBook]:
    from freehold.gateway.keys import KeyBook

    with open_states(config) as states:
        yield KeyBook(states[0])
