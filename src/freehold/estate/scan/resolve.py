"""Following values through names, files and languages until they are text, or saying why not.

Pure: everything read is in `Sources`; nothing here opens a file, but for modules asked for by name through
`load`. Loops end at DEPTH_MAX; a value has at most TEXTS_MAX possible texts.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable

import msgspec

from freehold.estate.scan import knowledge as know
from freehold.estate.scan.configs import ConfigFile, Setting
from freehold.estate.scan.expr import (
    Dark,
    Either,
    Env,
    Expr,
    Item,
    Join,
    Lit,
    Loaded,
    Made,
    Module,
    Ref,
    Site,
)
from freehold.estate.scan.tree import Node

DEPTH_MAX = 24
TEXTS_MAX = 8
HOLE = "\x1a"  # stands for a part of a text that is not known
Place = tuple[str, int]


class Value(msgspec.Struct, frozen=True):
    """The texts something can be, the places that say so, and whether it can be something else too."""

    texts: tuple[str, ...] = ()
    places: tuple[Place, ...] = ()
    envs: tuple[str, ...] = ()
    hops: int = 0
    dark: bool = False

    def whole(self) -> tuple[str, ...]:
        return tuple(text for text in self.texts if HOLE not in text)


DARK = Value(dark=True)


class Home(msgspec.Struct, frozen=True, kw_only=True):
    """What one site goes to."""

    vendor: str
    api: str
    models: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    endpoint: str | None = None
    hops: int = 0
    places: tuple[Place, ...] = ()
    envs: tuple[str, ...] = ()
    why: str = ""  # why something about it is not known


class Sources:
    """Everything that was read, by name."""

    def __init__(
        self, modules: Iterable[Module], configs: Iterable[ConfigFile], load: Callable[[str], Module | None]
    ) -> None:
        self.modules: dict[str, Module] = {}
        self.configs: dict[str, ConfigFile] = {}
        self.settings: dict[str, list[tuple[str, Setting]]] = {}
        self.load = load
        for module in modules:
            self.add(module)
        for config in configs:
            self.configs[config.path] = config
            for setting in config.settings:
                self.settings.setdefault(setting.name, []).append((config.path, setting))
        self._homes: dict[tuple[str, int], Home | None] = {}

    def add(self, module: Module) -> None:
        self.modules[module.path] = module
        for name, value in module.names.items():
            if name.startswith("env:"):
                setting = Setting(name=name, line=value.line, value=value, value_line=value.line)
                self.settings.setdefault(name, []).append((module.path, setting))

    def module_of(self, name: str, asking: Module) -> Module | None:
        """The module an import names, as a file of the tree."""
        for path in _candidates(name, asking.path):
            if path in self.modules:
                return self.modules[path]
            loaded = self.load(path)
            if loaded is not None:
                self.add(loaded)
                self.modules[path] = loaded
                return loaded
        return None

    # values

    def value(self, expr: Expr, module: Module, depth: int = 0) -> Value:
        if depth > DEPTH_MAX:
            return DARK
        match expr:
            case Lit():
                return Value((expr.text,), ((module.path, expr.line),))
            case Env():
                return self._env(expr, module, depth)
            case Ref():
                return self._ref(expr, module, depth)
            case Join():
                return self._join(expr, module, depth)
            case Either():
                return _union([self.value(part, module, depth + 1) for part in expr.parts])
            case Item():
                return self._item(expr, module, depth)
        return DARK

    def _env(self, expr: Env, module: Module, depth: int) -> Value:
        found = [self.setting(f"env:{expr.name}", depth + 1)] if f"env:{expr.name}" in self.settings else []
        if expr.default is not None:
            found.append(self.value(expr.default, module, depth + 1))
        value = _union(found) if found else DARK
        return Value(
            value.texts,
            (*value.places, (module.path, expr.line)),
            (*value.envs, expr.name),
            value.hops + 1,
            value.dark,
        )

    def setting(self, name: str, depth: int = 0) -> Value:
        """Every value that any file gives this name."""
        if depth > DEPTH_MAX:
            return DARK
        found: list[Value] = []
        for path, setting in self.settings.get(name, ()):
            value = self._set_value(path, setting, depth)
            told = isinstance(setting.value, Lit | Ref | Env)
            places = ((path, setting.line), *(((path, setting.value_line),) if told else ()), *value.places)
            found.append(Value(value.texts, places, value.envs, value.hops + 1, value.dark))
        return _union(found) if found else DARK

    def _set_value(self, path: str, setting: Setting, depth: int) -> Value:
        holder = self.modules.get(path) or Module(path=path)
        match setting.value:
            case Ref() if ":" in setting.value.name:
                return self.setting(setting.value.name, depth + 1)
            case Env():
                if setting.name == f"env:{setting.value.name}":
                    return DARK  # passed through from outside
                return self._env(setting.value, holder, depth + 1)
            case Lit() if not setting.value.text:
                return DARK
        return self.value(setting.value, holder, depth + 1)

    def _ref(self, expr: Ref, module: Module, depth: int) -> Value:
        if ":" in expr.name:
            return self.setting(expr.name, depth + 1)
        found = self.lookup(expr, module)
        if found is None:
            return DARK
        target, owner = found
        value = self.value(target, owner, depth + 1)
        return Value(value.texts, value.places, value.envs, value.hops + 1, value.dark)

    def lookup(self, expr: Ref, module: Module) -> tuple[Expr, Module] | None:
        """What a name stands for, here or in the module it comes from."""
        for name in _spellings(expr):
            if name in module.names and module.names[name] != expr:
                return module.names[name], module
        root, _, rest = expr.name.partition(".")
        origin = module.imports.get(root.removesuffix("()"))
        if origin is None:
            last = expr.name.rpartition(".")[2]
            fallback = module.names.get(f"*.{last}") if "." in expr.name else None
            return (fallback, module) if fallback is not None and fallback != expr else None
        return self._imported(origin, rest, expr, module)

    def _imported(self, origin: str, rest: str, expr: Ref, module: Module) -> tuple[Expr, Module] | None:
        if ":" in origin:  # JavaScript: module:exported
            path, _, exported = origin.partition(":")
            owner = self.module_of(path, module)
            names = [rest or exported]
        else:
            owner = self.module_of(origin, module)
            names = [rest] if owner is not None else []
            if owner is None:
                parent, _, last = origin.rpartition(".")
                owner = self.module_of(parent or ".", module) if parent else None
                call = "()" if expr.name.endswith("()") and not rest else ""
                names = [f"{last}{call}" if not rest else f"{last}.{rest}", f"*.{rest}" if rest else last]
        if owner is None or owner is module:
            return None
        for name in names:
            if name in owner.names:
                return owner.names[name], owner
            deeper = owner.imports.get(name)
            if deeper is not None:
                return self._imported(deeper, "", expr, owner)
        return None

    def _join(self, expr: Join, module: Module, depth: int) -> Value:
        texts, places, envs, hops, dark = [""], [], [], 0, False  # type: ignore[var-annotated]
        for part in expr.parts:
            value = self.value(part, module, depth + 1)
            choices = value.texts or (HOLE,)
            texts = [before + choice for before in texts for choice in choices][:TEXTS_MAX]
            if any(_tells(text) for text in value.texts):
                places.extend(value.places)
            envs.extend(value.envs)
            hops = max(hops, value.hops)
            dark = dark or value.dark
        if all(text == HOLE * len(expr.parts) for text in texts):
            return Value((), tuple(places), tuple(envs), hops, True)
        return Value(tuple(texts), tuple(places), tuple(envs), hops, dark)

    def _item(self, expr: Item, module: Module, depth: int) -> Value:
        base, owner = expr.base, module
        for _ in range(DEPTH_MAX):
            if isinstance(base, Ref):
                found = self.lookup(base, owner)
                if found is None:
                    return DARK
                base, owner = found
            else:
                break
        if not isinstance(base, Loaded):
            return DARK
        tree = self._tree(base.path, owner)
        node = tree[1].at(expr.keys) if tree else None
        if tree is None or node is None or node.text is None:
            return DARK
        return Value((node.text,), ((tree[0], node.line),), (), 1)

    def _tree(self, path: str, module: Module) -> tuple[str, Node] | None:
        wanted = posixpath.normpath(path)
        beside = posixpath.normpath(posixpath.join(posixpath.dirname(module.path), path))
        for candidate in (beside, wanted):
            if candidate in self.configs:
                return candidate, self.configs[candidate].root
        for known, config in self.configs.items():
            if known.endswith("/" + wanted):
                return known, config.root
        return None

    # sites

    def home(self, module: Module, number: int) -> Home | None:
        """Where site `number` goes; None if it is no call to a model after all."""
        key = (module.path, number)
        if key not in self._homes:
            self._homes[key] = None  # a loop ends here
            self._homes[key] = self._home(module.sites[number], module)
        return self._homes[key]

    def _home(self, site: Site, module: Module) -> Home | None:
        model = self._argument(site, module, know.MODEL_ARGUMENTS)
        if site.by_model:
            home = self._by_model(site, module, model)
        elif site.makes:
            home = self._client(site, module)
        elif site.vendor is None and site.receiver is None:
            home = self._plain(site, module)
        else:
            home = self._call(site, module, model)
        return self._detailed(home, site, module, model) if home is not None else None

    def _detailed(self, home: Home, site: Site, module: Module, model: Value) -> Home:
        """The model, the regions, and the places that said so."""
        texts = model.whole()
        regions = self._regions(home, site, module)
        keys = [
            self.value(value, module)
            for name, value in site.arguments.items()
            if name.lower().endswith(("api_key", "apikey", "api-key", "_key"))
        ]
        told = [model, regions, *keys]
        models = texts or home.models
        return msgspec.structs.replace(
            home,
            models=models,
            regions=tuple(
                dict.fromkeys(
                    (
                        *home.regions,
                        *(
                            part.strip()
                            for text in regions.whole()
                            for part in text.split(",")
                            if part.strip()
                        ),
                        *(found for text in models if (found := know.geography(text))),
                    )
                )
            ),
            places=(*home.places, *(place for value in told for place in value.places)),
            envs=(*home.envs, *(name for value in told for name in value.envs)),
            hops=max(home.hops, model.hops if model.texts else 0, regions.hops if regions.texts else 0),
        )

    def _regions(self, home: Home, site: Site, module: Module) -> Value:
        given = self._argument(site, module, know.REGION_ARGUMENTS)
        if given.texts or given.envs:
            return given
        implied = [
            self.setting(f"env:{name}")
            for name in know.IMPLIED_REGION_ENV.get(home.api, ())
            if site.makes and f"env:{name}" in self.settings
        ]
        if site.makes and home.vendor == "aws":
            names = self.setting("env:AWS_PROFILE").whole() if "env:AWS_PROFILE" in self.settings else ()
            implied += [self.setting(f"profile:{name}") for name in names]
        return _union(implied) if implied else given

    def _argument(self, site: Site, module: Module, names: tuple[str, ...]) -> Value:
        for name in names:
            if name in site.arguments:
                return self.value(site.arguments[name], module)
        return DARK

    def _client(self, site: Site, module: Module) -> Home | None:
        provider = next(
            (site.arguments[name] for name in know.CLIENT_ARGUMENTS if name in site.arguments), None
        )
        given = self._receiver(provider, module, 0) if provider is not None else None
        if given is not None:
            return msgspec.structs.replace(given, hops=given.hops + 1)
        url = next((site.arguments[name] for name in know.URL_ARGUMENTS if name in site.arguments), None)
        if site.vendor is None and site.api is None:
            return self._plain(site, module)
        if url is not None:
            return self._pointed(site, self.value(url, module))
        for name in know.IMPLIED_ENV.get((site.vendor or "", site.api or ""), ()):
            value = self.setting(f"env:{name}") if f"env:{name}" in self.settings else DARK
            if value.texts:
                return self._pointed(site, Value(value.texts, value.places, (name,), value.hops + 1))
        return Home(vendor=site.vendor or know.UNKNOWN, api=site.api or "openai")

    def _pointed(self, site: Site, value: Value) -> Home:
        """A client with an address of its own: the address says who answers."""
        for text in value.texts:
            if "://" in text or text.startswith(HOLE):
                known = know.client_of_base_url(text.replace(HOLE, "x"))
                if known.vendor == know.UNKNOWN and site.api in ("azure", "foundry", "ollama"):
                    break
                same = known.vendor == site.vendor
                return Home(
                    vendor=known.vendor,
                    api=site.api or known.api if same else _api(site, known),
                    endpoint=text.replace(HOLE, "*"),
                    hops=value.hops,
                    places=value.places,
                    envs=value.envs,
                    regions=_url_regions(text),
                    why="" if known.vendor != know.UNKNOWN else "its address is not one of a known vendor",
                )
        if site.api in ("azure", "foundry", "ollama", "vertex", "gemini"):
            return Home(
                vendor=site.vendor or know.UNKNOWN,
                api=site.api or "",
                hops=value.hops,
                places=value.places,
                envs=value.envs,
            )
        why = f"its address comes from {', '.join(value.envs)}" if value.envs else "its address is computed"
        return Home(
            vendor=know.UNKNOWN,
            api=site.api or "openai",
            hops=value.hops,
            places=value.places,
            envs=value.envs,
            why=why,
        )

    def _plain(self, site: Site, module: Module) -> Home | None:
        """A plain HTTP call: only the URL can tell that it is one to a model."""
        address = site.arguments.get("url") or site.arguments.get("base_url")
        value = self.value(address, module) if address is not None else DARK
        for text in value.texts:
            known = know.client_of_url(text.replace(HOLE, "x"))
            if known is not None:
                return Home(
                    vendor=known.vendor,
                    api=known.api,
                    endpoint=text.replace(HOLE, "*"),
                    hops=value.hops,
                    places=value.places,
                    envs=value.envs,
                    regions=_url_regions(text),
                )
        return None

    def _by_model(self, site: Site, module: Module, model: Value) -> Home | None:
        base = next((site.arguments[name] for name in know.URL_ARGUMENTS if name in site.arguments), None)
        for text in model.texts:
            client = know.client_of_prefixed(text) or know.client_of_model(text)
            if client is None:
                continue
            if base is not None and client.api == "openai":
                pointed = self._pointed(site, self.value(base, module))
                return msgspec.structs.replace(pointed, models=(text,))
            return Home(vendor=client.vendor, api=client.api, models=(text,), hops=model.hops)
        given = site.arguments.get("model")
        if isinstance(given, Dark):
            return None
        made = self._receiver(given, module, 0) if given is not None and not model.texts else None
        if made is not None:  # a model object, not a name
            return msgspec.structs.replace(made, hops=made.hops + 1)
        return Home(
            vendor=know.UNKNOWN,
            api="unknown",
            hops=model.hops,
            places=model.places,
            envs=model.envs,
            why="the model is not known before it runs",
        )

    def _call(self, site: Site, module: Module, model: Value) -> Home | None:
        made = self._receiver(site.receiver, module, 0) if site.receiver is not None else None
        if made is not None:
            return Home(
                vendor=made.vendor,
                api=made.api,
                hops=made.hops + 1,
                regions=made.regions,
                endpoint=made.endpoint,
                why=made.why,
            )
        if site.vendor is not None:
            return Home(vendor=site.vendor, api=site.api or "")
        for text in model.whole():
            client = know.client_of_model(text)
            if client is not None:
                return Home(
                    vendor=client.vendor,
                    api=client.api,
                    hops=model.hops,
                    why="the client is not known; the model's name tells",
                )
        return None

    def _receiver(self, expr: Expr, module: Module, depth: int) -> Home | None:
        """The client that a call is made on."""
        if depth > DEPTH_MAX:
            return None
        match expr:
            case Made():
                return self.home(module, expr.site)
            case Either():
                for part in expr.parts:
                    found = self._receiver(part, module, depth + 1)
                    if found is not None:
                        return found
            case Ref():
                if module.imports.get(expr.name) == "openai":
                    made = module.names.get("openai!")
                    return (
                        self._receiver(made, module, depth + 1)
                        if made
                        else Home(vendor="openai", api="openai")
                    )
                target = self.lookup(expr, module)
                if target is not None:
                    return self._receiver(target[0], target[1], depth + 1)
        return None


def _api(site: Site, known: know.Client) -> str:
    return site.api or known.api if known.api == "openai" else known.api


def _spellings(expr: Ref) -> Iterable[str]:
    """The name in its function, then in each function and class around it, then in the module."""
    name, scope = expr.name, expr.scope
    while scope:
        yield f"{scope}.{name}"
        scope = scope.rpartition(".")[0]
    yield name


def _candidates(name: str, asking: str) -> Iterable[str]:
    """The files an import can mean: `pkg.mod`, `.mod`, `./mod`, `@/lib/mod`."""
    folder = posixpath.dirname(asking)
    if name.startswith(("./", "../", "@/", "~/")):
        start = posixpath.normpath(posixpath.join(folder, name)) if name[0] == "." else name[2:]
        for base in (start, f"src/{start}"):
            yield base
            for ending in (".ts", ".tsx", ".js", ".mjs", ".jsx", "/index.ts", "/index.js"):
                yield base + ending
        return
    if asking.endswith((".js", ".ts", ".tsx", ".jsx", ".mjs", ".cjs")):
        return
    if name.startswith("."):
        level = len(name) - len(name.lstrip("."))
        for _ in range(level - 1):
            folder = posixpath.dirname(folder)
        stem = name.lstrip(".").replace(".", "/")
        base = posixpath.join(folder, stem) if stem else folder
        yield base + ".py"
        yield base + "/__init__.py"
        return
    stem = name.replace(".", "/")
    while True:
        base = posixpath.join(folder, stem) if folder else stem
        yield base + ".py"
        yield base + "/__init__.py"
        if not folder:
            break
        folder = posixpath.dirname(folder)
    yield f"src/{stem}.py"


def _union(values: list[Value]) -> Value:
    return Value(
        tuple(dict.fromkeys(text for value in values for text in value.texts))[:TEXTS_MAX],
        tuple(dict.fromkeys(place for value in values for place in value.places)),
        tuple(dict.fromkeys(name for value in values for name in value.envs)),
        max((value.hops for value in values), default=0),
        any(value.dark for value in values),
    )


def _tells(text: str) -> bool:
    """Is a part of a joined text worth pointing at by itself?"""
    return "://" in text or know.is_region(text) or know.client_of_model(text) is not None


def _url_regions(text: str) -> tuple[str, ...]:
    host = text.partition("://")[2].partition("/")[0]
    parts = [part.removesuffix("-aiplatform") for part in host.split(".")]
    return tuple(part for part in parts if know.is_region(part))
