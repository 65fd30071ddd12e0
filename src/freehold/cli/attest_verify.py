"""`freehold attest verify`: judge evidence offline, and say what was checked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
import msgspec

from freehold.cli.attest_files import Inputs, evidence_options, judge, open_collateral
from freehold.cli.attest_output import refusal, show_result
from freehold.cli.output import config_option, emit_json, json_option
from freehold.errors import EXIT_FINDING, EXIT_OK, InputError

if TYPE_CHECKING:
    from freehold.seal.attest import Result
    from freehold.types.names import Tier


@click.command()
@evidence_options
@click.option("--each", is_flag=True, help="Judge each file as an evidence set of its own.")
@click.option("--record", is_flag=True, help="Put the result into the ledger.")
@click.option("--home", default=None, metavar="ID", help="The home it is about, whose tier it must earn.")
@config_option
@json_option
def command(
    files: tuple[str, ...], policy: str, at: str | None, nonce: str | None, key: str | None,
    collateral: str | None, config: str | None, *, each: bool, record: bool,
    home: str | None, as_json: bool,
) -> int:  # fmt: skip
    """Verify attestation evidence offline: one set of files, or with --each one by one.

    The exit code is 0 only if nothing failed and nothing the policy requires was left unchecked.
    """
    inputs = Inputs(
        files=files, policy=policy, at=at, nonce=nonce, key=key, collateral=collateral, config=config
    )
    opened = open_collateral(collateral, config)
    sets = [(name,) for name in files] if each else [files]
    claimed = declared_tier(home, config)
    shown: list[object] = []
    passed = True
    for names in sets:
        try:
            result = judge(inputs, names, opened)
        except InputError as error:
            if not each:
                raise
            passed = False
            shown.append(
                {"files": list(names), "passed": False, "error": {"code": error.code, "what": error.what}}
            )
            if not as_json:
                click.echo(refusal(names[0], error.what))
            continue
        earned = earns(result, claimed)
        passed = passed and result.passed and earned
        receipt = _record(result, policy, home, config) if record else None
        shown.append(
            {"files": list(names), "record": receipt, "earns_tier": earned, **msgspec.to_builtins(result)}
        )
        if not as_json:
            click.echo(show_result(result, receipt))
            if not earned:
                click.echo(f"the estate says that {home} is {claimed}, which this evidence does not earn")
    if as_json:
        emit_json("attest.verify/1", {"passed": passed, "sets": shown})
    return EXIT_OK if passed else EXIT_FINDING


def declared_tier(home: str | None, config: str | None) -> Tier | None:
    """What the estate says of this home; nothing where no home is named."""
    if home is None:
        return None
    from freehold.cli.loading import load_settings

    homes = load_settings(config).sections["homes"]
    if home not in homes:
        raise InputError(
            f"there is no home {home!r}", why=f"the estate has {', '.join(sorted(homes)) or 'none'}",
            fix="name a home of the estate", code="seal.unknown-home",
        )  # fmt: skip
    tier: Tier = homes[home].tier
    return tier


def earns(result: Result, claimed: Tier | None) -> bool:
    """Is the evidence as strong as the tier that the estate claims?"""
    if claimed is None or claimed == "contract":
        return True
    return result.passed and result.tier in ("attested", claimed)


def _record(result: Result, policy: str, home: str | None, config: str | None) -> str:
    """Through the recorder, said once it is on disk. The writer is its own, as a gateway may be running."""
    import asyncio

    from freehold.cli.loading import ledger_database, ledger_settings
    from freehold.cli.up import state_folder
    from freehold.clock import SystemClock, ulid
    from freehold.ledger import open_recorder
    from freehold.seal.attest.record import to_record

    settings = ledger_settings(config)
    settings = msgspec.structs.replace(settings, writer=f"{settings.writer}-attest")
    now_ns = SystemClock().now_ns()
    id = ulid(now_ns)
    recorder = open_recorder(settings, state_folder(), database=ledger_database(settings, config))
    try:
        recorder.record(to_record(result, id=id, time_ns=now_ns, policy=policy, home=home))
        asyncio.run(recorder.durable(id))
    finally:
        recorder.close()
    return f"{settings.writer}/{id}"
