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


@click.command()
@evidence_options
@click.option("--each", is_flag=True, help="Judge each file as an evidence set of its own.")
@click.option("--record", is_flag=True, help="Put the result into the ledger.")
@config_option
@json_option
def command(
    files: tuple[str, ...], policy: str, at: str | None, nonce: str | None, key: str | None,
    collateral: str | None, config: str | None, *, each: bool, record: bool, as_json: bool,
) -> int:  # fmt: skip
    """Verify attestation evidence offline: one set of files, or with --each one by one.

    The exit code is 0 only if nothing failed and nothing the policy requires was left unchecked.
    """
    inputs = Inputs(
        files=files, policy=policy, at=at, nonce=nonce, key=key, collateral=collateral, config=config
    )
    opened = open_collateral(collateral, config)
    sets = [(name,) for name in files] if each else [files]
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
        passed = passed and result.passed
        receipt = _record(result, policy) if record else None
        shown.append({"files": list(names), "record": receipt, **msgspec.to_builtins(result)})
        if not as_json:
            click.echo(show_result(result, receipt))
    if as_json:
        emit_json("attest.verify/1", {"passed": passed, "sets": shown})
    return EXIT_OK if passed else EXIT_FINDING


def _record(result: Result, policy: str) -> str:
    """Through the recorder, and only said once it is on disk."""
    import asyncio

    from freehold.cli.up import state_folder
    from freehold.clock import SystemClock, ulid
    from freehold.ledger import PlainRecorder
    from freehold.seal.attest.record import to_record

    now_ns = SystemClock().now_ns()
    id = ulid(now_ns)
    entry = to_record(result, id=id, time_ns=now_ns, policy=policy)
    recorder = PlainRecorder(state_folder() / "records.jsonl")
    try:
        recorder.record(entry)
        asyncio.run(recorder.durable(id))
    finally:
        recorder.close()
    return str(id)
