"""Homes for the vendor credentials that the environment holds: by reference, never their values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from freehold.types.names import ModelId

if TYPE_CHECKING:
    from freehold.estate.catalog import Catalog, Surface

# Where each vendor's own tools read the region from, and what is taken when they say nothing.
REGION_NAMES = {
    "aws": ("AWS_REGION", "AWS_DEFAULT_REGION"),
    "google": ("CLOUD_ML_REGION", "GOOGLE_CLOUD_LOCATION", "GOOGLE_CLOUD_REGION"),
    "azure": ("AZURE_REGION", "AZURE_LOCATION"),
}
# A model that most people have access to at each maker; change it to what you use.
MODELS = {
    "anthropic": "claude-sonnet-5",
    "openai": "gpt-5.4",
    "google": "gemini-3.8-flash",
    "meta": "llama-3.3-70b",
    "aws": "claude-sonnet-5",
}


def estate_from(environment: Mapping[str, str], catalog: Catalog) -> str:
    """A freehold.toml that passes `freehold check`: one home for each surface there is a credential for."""
    found = list(_found(environment, catalog))
    models = dict.fromkeys(_model(row) for row, _ in found)
    lines = [HEAD]
    lines += [f'[models."{model}"]\n' for model in models]
    groups: dict[str, list[str]] = {}
    for row, credential in found:
        name, home = _home(row, credential, environment, catalog)
        lines.append(home)
        groups.setdefault(_model(row), []).append(name)
    for model, homes in groups.items():
        names = ", ".join(f'"{home}"' for home in homes)
        lines.append(f'[workloads."{_workload(model)}"]\nkind = "serve"\nhomes = [{names}]\n')
    if not found:
        sought = ", ".join(sorted({name for row in catalog.surfaces for name in row.credentials}))
        lines.append(f"# No vendor credential is set here. These were looked for:\n# {sought}\n")
    return "\n".join(lines)


HEAD = """\
# freehold.toml, written by `freehold init --from-env`: one home for each vendor credential that was set. Only
# names of variables are here. Correct the models and regions, then run `freehold check` and `freehold map`.

[estate]
name = "from-environment"
"""


def _found(environment: Mapping[str, str], catalog: Catalog) -> Iterator[tuple[Surface, str]]:
    for row in catalog.surfaces:
        credential = next((name for name in row.credentials if environment.get(name)), None)
        if credential is not None:
            yield row, credential


def _model(row: Surface) -> str:
    return MODELS[row.models[0] if row.models else row.vendor]


def _workload(model: str) -> str:
    return f"chat-{model}".replace(".", "-")


def _home(row: Surface, credential: str, environment: Mapping[str, str], catalog: Catalog) -> tuple[str, str]:
    region = _region(row, environment, catalog)
    name = "-".join(part for part in (row.vendor, row.api, region) if part)
    facts = catalog.models.get(ModelId(_model(row)))
    known = None if facts is None else facts.names.get(row.api)
    lines = [f"# {row.name}, operated by {row.operator}", f"[homes.{name}]", f'vendor = "{row.vendor}"']
    if region is not None:
        lines.append(f'region = "{region}"')
    elif row.regional:
        lines.append('# region = "..."   # not set in the environment; until it is, no residency rule passes')
    lines += [f'api = "{row.api}"', f'model = "{_model(row)}"']
    if known is not None:
        lines.append(f'model_name = "{known}"')
    return name, "\n".join([*lines, f'credential = "env:{credential}"', ""])


def _region(row: Surface, environment: Mapping[str, str], catalog: Catalog) -> str | None:
    """Only a region that the catalog knows is written down: whatever else the variable holds stays there."""
    if not row.regional:
        return None
    known = catalog.vendors[row.vendor].regions
    for name in REGION_NAMES.get(row.vendor, ()):
        value = environment.get(name, "")
        if value in known:
            return value
    return None
