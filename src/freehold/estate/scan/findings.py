"""From sites and clues to findings: what each line means, once, with the strongest thing it says."""

from __future__ import annotations

import re
from collections.abc import Iterable

from freehold.estate.scan import knowledge as know
from freehold.estate.scan.configs import ConfigFile, Setting
from freehold.estate.scan.credentials import mask
from freehold.estate.scan.expr import Env, Lit, Module, Ref
from freehold.estate.scan.manifest import Declared
from freehold.estate.scan.report import STRENGTH, Finding, State, Unresolved
from freehold.estate.scan.resolve import Home, Sources

TEXT_MAX = 200
_MODEL_NAME = re.compile(r"(^|_)MODEL(_ID|_NAME)?$")


class _Collector:
    def __init__(self, sources: Sources) -> None:
        self.sources = sources
        self.found: dict[tuple[str, int, str], Finding] = {}
        self.unresolved: set[Unresolved] = set()
        self.readers: dict[str, Home] = {}  # environment variable -> the home of the code that reads it

    def add(self, finding: Finding) -> None:
        key = (finding.file, finding.line, finding.vendor)
        before = self.found.get(key)
        if before is None or _rank(finding) < _rank(before):
            self.found[key] = finding

    # code

    def module(self, module: Module) -> None:
        for number, site in enumerate(module.sites):
            home = self.sources.home(module, number)
            if home is None:
                continue
            state: State = "disabled" if site.off else "used"
            self.add(_of(home, module.path, site.line, state, site.what))
            if home.why:
                self.unresolved.add(
                    Unresolved(file=module.path, line=site.line, what=site.what, why=home.why)
                )
            if site.makes and home.api in know.IMPLIED_REGION_ENV and not home.regions:
                why = "its region is not said: the environment, a profile or the machine decides"
                self.unresolved.add(Unresolved(file=module.path, line=site.line, what=site.what, why=why))
            for file, line in home.places:
                if (file, line) != (module.path, site.line):
                    self.add(_of(home, file, line, "configured", f"for {site.what}"))
            for name in home.envs:
                self.readers.setdefault(name, home)

    def read(self, module: Module, value: Env, told: set[tuple[str, int]]) -> None:
        """A variable that code reads for a model, even where no call of it was found."""
        client = know.client_of_env(value.name)
        texts = self.sources.value(value, module).whole()
        if client is None and value.name.endswith("PROVIDER"):
            client = next((know.PROVIDERS[text] for text in texts if text in know.PROVIDERS), None)
        if client is None and _MODEL_NAME.search(value.name):
            client = next((known for text in texts if (known := know.client_of_model(text))), None)
        if client is not None and (module.path, value.line) not in told:
            home = Home(vendor=client.vendor, api=client.api, hops=1 if texts else 0)
            self.add(_of(home, module.path, value.line, "configured", f"reads {value.name}"))

    # configuration

    def config(self, config: ConfigFile) -> None:
        for clue in config.clues:
            self.add(
                Finding(
                    file=config.path,
                    line=clue.line,
                    vendor=clue.vendor,
                    api=clue.api,
                    state=clue.state,
                    what=_short(clue.what) or "",
                    model=know.bare_model(clue.model) if clue.model else None,
                    hops=clue.hops,
                    endpoint=_short(clue.endpoint),
                    regions=(clue.region,) if clue.region else (),
                )
            )
            if clue.vendor == know.UNKNOWN:
                self.unresolved.add(
                    Unresolved(
                        file=config.path,
                        line=clue.line,
                        what=_short(clue.what) or "",
                        why="its operator is not known",
                    )
                )

    def setting(self, path: str, setting: Setting) -> None:
        kind, _, name = setting.name.partition(":")
        if kind != "env":
            return
        client, hops = self._client(name, setting)
        if client is None:
            return
        off = setting.off or self.sources.setting(f"values:{setting.condition}").whole() == ("false",)
        state: State = "disabled" if off else "configured"
        regions = tuple(text for text in self.sources.setting(setting.name).whole() if know.is_region(text))
        self._set(path, setting, client, state, name, hops, regions)

    def _client(self, name: str, setting: Setting) -> tuple[know.Client | None, int]:
        by_name = know.client_of_env(name)
        if isinstance(setting.value, Lit) and setting.value.text:
            text = setting.value.text
            if (by_name or name in self.readers) and know.ENV_IS_URL.fullmatch(name) and "://" in text:
                return know.client_of_base_url(text), 0
            if by_name is None and _MODEL_NAME.search(name):
                by_name = know.client_of_model(text) or know.client_of_prefixed(text)
            if by_name is None and name.endswith("PROVIDER"):
                by_name = know.PROVIDERS.get(text)
        if by_name is not None:
            return by_name, 0
        reader = self.readers.get(name)
        return (know.Client(reader.vendor, reader.api), 1) if reader else (None, 0)

    def _set(
        self,
        path: str,
        setting: Setting,
        client: know.Client,
        state: State,
        name: str,
        hops: int,
        regions: tuple[str, ...],
    ) -> None:
        def said(file: str, line: int, more: int) -> None:
            self.add(
                Finding(
                    file=file,
                    line=line,
                    vendor=client.vendor,
                    api=client.api,
                    state=state,
                    what=name,
                    regions=regions,
                    hops=hops + more,
                )
            )

        said(path, setting.line, 0)
        telling = isinstance(setting.value, Lit) and bool(setting.value.text)
        if setting.value_line != setting.line and (telling or isinstance(setting.value, Ref)):
            said(path, setting.value_line, 0)
        if isinstance(setting.value, Ref):
            for file, line in self.sources.setting(setting.value.name).places:
                said(file, line, 1)

    def declared(self, rows: Iterable[tuple[str, Declared]]) -> None:
        imported = set().union(*(module.packages for module in self.sources.modules.values()), set())
        for path, row in rows:
            if any(
                name == module or name.startswith((module + ".", module + "/"))
                for module in row.modules
                for name in imported
            ):
                continue
            self.add(
                Finding(
                    file=path,
                    line=row.line,
                    vendor=row.client.vendor,
                    api=row.client.api,
                    state="declared",
                    what=row.package,
                    confidence="medium",
                    why="declared, and never imported",
                )
            )


def collect(
    sources: Sources, declared: list[tuple[str, Declared]]
) -> tuple[tuple[Finding, ...], tuple[Unresolved, ...]]:
    collector = _Collector(sources)
    for module in list(sources.modules.values()):
        collector.module(module)
    told = {key[:2] for key in collector.found}
    for module in list(sources.modules.values()):
        for value in module.reads:
            collector.read(module, value, told)
    for config in sources.configs.values():
        collector.config(config)
    for rows in list(sources.settings.values()):
        for path, setting in rows:
            collector.setting(path, setting)
    collector.declared(declared)
    return tuple(sorted(collector.found.values())), tuple(sorted(collector.unresolved))


def _rank(finding: Finding) -> tuple[int, int, int]:
    return STRENGTH.index(finding.state), -bool(finding.model) - len(finding.regions), finding.hops


def _of(home: Home, file: str, line: int, state: State, what: str) -> Finding:
    return Finding(
        file=file,
        line=line,
        vendor=home.vendor,
        api=home.api,
        state=state,
        what=_short(what) or "",
        model=know.bare_model(home.models[0]) if home.models else None,
        regions=home.regions,
        endpoint=_short(home.endpoint),
        hops=home.hops,
        confidence="low"
        if home.vendor == know.UNKNOWN
        else "medium"
        if home.hops > 2 or home.why
        else "high",
        why=home.why,
    )


def _short(text: str | None) -> str | None:
    return mask(text)[:TEXT_MAX] if text is not None else None
