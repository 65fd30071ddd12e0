"""`freehold attest explain`: what evidence proves and what it does not, in sentences."""

from __future__ import annotations

import click

from freehold.cli.attest_files import Inputs, evidence_options, judge, open_collateral
from freehold.cli.output import config_option, emit_json, json_option


@click.command()
@evidence_options
@config_option
@json_option
def command(
    files: tuple[str, ...], policy: str, at: str | None, nonce: str | None, key: str | None,
    collateral: str | None, config: str | None, *, as_json: bool,
) -> None:  # fmt: skip
    """Say in sentences what a piece of evidence proves and what it does not."""
    from freehold.seal.attest.explain import explain

    inputs = Inputs(
        files=files, policy=policy, at=at, nonce=nonce, key=key, collateral=collateral, config=config
    )
    result = judge(inputs, files, open_collateral(collateral, config))
    sentences = explain(result)
    if as_json:
        emit_json("attest.explain/1", {"passed": result.passed, "sentences": sentences})
    else:
        click.echo("\n".join(sentences))
