"""Files for whoever watches a gateway with Prometheus: a Grafana dashboard and alert rules, as they are.

Every metric in them is one of `metrics.HELP`, which a test holds.
"""

from __future__ import annotations

from importlib import resources
from typing import Final, Literal

Name = Literal["grafana.json", "alerts.yaml"]
FILES: Final[tuple[Name, ...]] = ("grafana.json", "alerts.yaml")


def text_of(name: Name) -> str:
    return resources.files(__name__).joinpath(name).read_text(encoding="utf-8")
