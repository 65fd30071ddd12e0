"""freehold dashboard"""

from __future__ import annotations

import click


@click.command()
@click.option("--alerts", is_flag=True, help="Alert rules for Prometheus instead.")
def command(alerts: bool) -> None:
    """Print a Grafana dashboard of the gateway's metrics, ready to import."""
    from freehold.gateway.monitoring import text_of

    click.echo(text_of("alerts.yaml" if alerts else "grafana.json"), nl=False)
