"""What configuration files say, unresolved: settings of models, names that are set, permissions,
resources.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import msgspec

from freehold.estate.scan import knowledge as know
from freehold.estate.scan import textual
from freehold.estate.scan.expr import Dark, Env, Expr, Lit, Ref
from freehold.estate.scan.report import State
from freehold.estate.scan.tree import Node


class Clue(msgspec.Struct, frozen=True, kw_only=True):
    """A line that says something by itself."""

    line: int
    vendor: str
    api: str
    state: State
    what: str
    model: str | None = None
    region: str | None = None
    endpoint: str | None = None
    hops: int = 0


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """A name that is set: an environment variable (`env:NAME`), a Terraform variable (`var:NAME`), a chart
    value (`values:a.b`), a template parameter (`param:NAME`)."""

    name: str
    line: int
    value: Expr
    value_line: int
    off: bool = False
    condition: str = ""  # the chart value that switches it on


ScriptReader = Callable[[str, int], tuple[list[Clue], list[Setting]]]


class ConfigFile(msgspec.Struct, kw_only=True):
    path: str
    root: Node
    clues: list[Clue] = []
    settings: list[Setting] = []


_ENV_NAME = re.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+|[A-Z]{3,}")
_ENV_PAIR = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?:=(.*))?$")
_MODEL_KEY = re.compile(
    r"(?i)(?:^|[_.-])(model|deployment|engine)(?:[_-]?(id|name))?$|(?:model|deployment)(id|name)?$|^embedding$"
)
_URL_KEY = re.compile(r"(?i)(base_?url|api_?base|endpoint|^url$|host|service)$")
_REGION_KEY = re.compile(r"(?i)(region|location|region_name)$")
_DECOY = re.compile(
    r"(?i)^(limits?|pric(es?|ing)|costs?|model_cost|labels?|enum|examples?|notes?|descriptions?|summary|titles?|text|annotations"
    r"|fallbacks|cache_params|context|headers?|message|expr|tokens?|owners?|alert|help|logging|metadata|outputs"
    r"|aliases|icons?|keywords|runs|results?|scores?|benchmarks?|history|leaderboard)$"
)
_REFERENCE = re.compile(r"\$\{\{.*\}\}|\$\{([A-Za-z_]\w*)(?::?-([^}]*))?\}|\$([A-Za-z_]\w*)")
_TF_VAR = re.compile(r"(?:\$\{)?var\.([A-Za-z_]\w*)\}?")
_HELM = re.compile(r"\{\{-?\s*\.Values\.([\w.]+)[^}]*\}\}")
_CONDITION = re.compile(r"\.Values\.([\w.]+)")
_PARAM = re.compile(r"!Ref\s+(\w+)|!Sub\s+['\"]?\$\{(\w+)\}['\"]?")
_KEY_KEY = re.compile(r"(?i)(api_?)?key(_env(_var)?|_name)?")
_KEY_NAME = re.compile(r"(?:os\.environ/|env[.:])?([A-Z][A-Z0-9]*_[A-Z0-9_]+)")
_PROFILE = re.compile(r"profile\s+(\S+)")
_TRUE, _FALSE = frozenset({"true", "yes", "on", "1"}), frozenset({"false", "no", "off", "0"})
_MODEL_FLAG = re.compile(r"--model(?:[-_](?:id|path|name))?[ =]+(\S+)")


def expression(node: Node) -> Expr:
    """A value as it can be followed: a literal, or a reference in the file's own language."""
    text = node.text or ""
    if match := _TF_VAR.fullmatch(text):
        return Ref(f"var:{match[1]}", node.line)
    if match := _HELM.search(text):
        return Ref(f"values:{match[1]}", node.line)
    if match := _PARAM.match(text):
        return Ref(f"param:{match[1] or match[2]}", node.line)
    if match := _REFERENCE.fullmatch(text):
        if match[1] or match[3]:
            return Env(match[1] or match[3], node.line, Lit(match[2], node.line) if match[2] else None)
        return Dark(node.line)
    if node.raw or node.text is None or "{{" in text:
        return Dark(node.line)
    return Lit(text, node.line)


class Interpreter:
    """Walks one tree; `prefix` names what its scalars set when they are not environment variables."""

    def __init__(self, path: str, root: Node, script: ScriptReader) -> None:
        self.script = script
        self.file = ConfigFile(path=path, root=root, clues=[], settings=[])
        self.values_file = re.search(r"(^|/)values[\w.-]*\.ya?ml$", path) is not None
        self.tfvars = path.endswith(".tfvars")
        self.condition = ""
        self.done: set[int] = set()  # nodes whose meaning was told together with their siblings

    def run(self) -> ConfigFile:
        self.mapping(self.file.root, (), off=False)
        return self.file

    # one mapping: first what its keys say together, then each key by itself

    def mapping(self, node: Node, keys: tuple[str, ...], *, off: bool) -> None:
        off = off or _switched_off(node)
        before, condition = self.condition, node.get("{{if}}")
        if condition is not None and (match := _CONDITION.fullmatch(condition.text or "")):
            self.condition = match[1]
        self._mapping(node, keys, off=off)
        self.condition = before

    def _mapping(self, node: Node, keys: tuple[str, ...], *, off: bool) -> None:
        if any(_DECOY.match(key) for key in keys[-1:]):
            return
        self.done |= self._pair(node, off) | self._workload(node) | self._model(node, off)
        self.done |= self._statement(node) | self._resource(node, keys, off)
        for key, child in node.entries():
            if child.text is None and child.children:
                self.mapping(child, (*keys, key) if key else keys, off=off)
            elif id(child) not in self.done:
                self.scalar(key, child, keys, off)

    def scalar(self, key: str, node: Node, keys: tuple[str, ...], off: bool) -> None:
        text = node.text or ""
        if _DECOY.match(key) or (key == "" and any(_DECOY.match(name) for name in keys[-1:])):
            return
        if node.block or key in ("run", "script") or keys[-1:] in (("script",), ("run",), ("before_script",)):
            self._script(text, node.line, off)
            return
        if key == "" and keys and keys[-1].lower() in ("environment", "env"):
            self._listed(text, node, off)
            return
        self._named(key, node, keys, off)

    def _listed(self, text: str, node: Node, off: bool) -> None:
        match = _ENV_PAIR.fullmatch(text)
        if match:
            value = Node(node.line, text=match[2]) if match[2] is not None else Node(node.line)
            self._set(f"env:{match[1]}", node.line, expression(value), node.line, off)

    def _named(self, key: str, node: Node, keys: tuple[str, ...], off: bool) -> None:
        text = node.text or ""
        normal = re.sub(r"[-.]", "_", key).upper()
        if _ENV_NAME.fullmatch(key) or (know.client_of_env(normal) and _ENV_NAME.fullmatch(normal)):
            self._set(
                f"env:{key if _ENV_NAME.fullmatch(key) else normal}",
                node.line,
                expression(node),
                node.line,
                off,
            )
            return
        if self.tfvars or keys[:1] == ("module",):
            self._set(f"var:{key}", node.line, expression(node), node.line, off)
        if keys[:1] == ("variable",) and key == "default" and len(keys) == 2:
            self._set(f"var:{keys[1]}", node.line, expression(node), node.line, off)
            key = keys[1]
        if key == "region" and keys and (profile := _PROFILE.fullmatch(keys[-1])):
            self._set(f"profile:{profile[1]}", node.line, expression(node), node.line, off)
        if keys[:1] == ("Parameters",) and key == "Default" and len(keys) == 2:
            self._set(f"param:{keys[1]}", node.line, expression(node), node.line, off)
            key = keys[1]
        if self.values_file:
            self._set(f"values:{'.'.join((*keys, key))}", node.line, expression(node), node.line, off)
        self._literal(key, text, node, keys, off)

    def _literal(self, key: str, text: str, node: Node, keys: tuple[str, ...], off: bool) -> None:
        """What the value alone says: a model's id under a model's key, a model's endpoint, a permission."""
        if node.raw or not text:
            return
        if key in ("uses",):
            self._action(text, node)
        elif key.lower() == "image" and any(pattern.fullmatch(text) for pattern in know.IMAGES):
            self._clue(node.line, know.Client(know.SELF, "openai"), "configured", f"image {text}", off)
        elif text in know.ROLES and key.lower() in ("role", "role_definition_name"):
            self._clue(node.line, know.ROLES[text], "permitted", text, off)
        elif text.startswith("http") or key == "service":
            client = know.client_of_url(text if "://" in text else f"https://{text}")
            if client is not None and _URL_KEY.search(key):
                self._clue(node.line, client, "configured", f"{key} = {text}", off, endpoint=text)
        elif key == "service_name" and ".bedrock-runtime" in text:
            region = text.split(".")[2] if text.count(".") >= 3 else None
            self._clue(node.line, know.PROVIDERS["bedrock"], "configured", text, off, region=region)
        elif key == "provider" and not self._in_list_of_words(keys) and text in know.PROVIDERS:
            self._clue(node.line, know.PROVIDERS[text], "configured", f"provider {text}", off)
        elif know.client_of_prefixed(text) and (
            (":" in text and not know.client_of_model(text)) or know.client_of_model(know.bare_model(text))
        ):
            self._clue(node.line, _prefixed(text), "configured", text, off, model=text)
        elif _MODEL_KEY.search(key) or keys[-1:] == ("model",) or key.lower() in ("model_arn", "copy_from"):
            client = know.client_of_model(text) or know.client_of_prefixed(text)
            if client is not None:
                self._clue(
                    node.line,
                    client,
                    "configured",
                    f"{key} = {text}",
                    off,
                    model=text,
                    region=know.region_of_arn(text),
                )

    def _in_list_of_words(self, keys: tuple[str, ...]) -> bool:
        return any(key in ("terraform", "required_providers") for key in keys)

    # name and value side by side

    def _pair(self, node: Node, off: bool) -> set[int]:
        """{name: NAME, value: V}: an environment variable, also in tasks, charts and container
        definitions.
        """
        name, value = node.get("name"), node.get("value")
        source = value or node.get("valuefrom")
        if name is None or name.text is None or source is None:
            return set()
        text = name.text
        if text.startswith("env."):
            text = text.removeprefix("env.")
        normal = re.sub(r"[-.]", "_", text)
        if not _ENV_NAME.fullmatch(normal):
            return self._told(name, value, off) if value is not None else set()
        self._set(
            f"env:{normal}",
            name.line,
            expression(value) if value else Dark(name.line),
            value.line if value else name.line,
            off,
        )
        return {id(name), id(source)}

    def _told(self, name: Node, value: Node, off: bool) -> set[int]:
        """{name: llm.endpoint, value: https://...}, as charts are given values: both lines say it."""
        before = len(self.file.clues)
        key = (name.text or "").rpartition(".")[2]
        if _MODEL_KEY.search(name.text or "") or (value.text or "").startswith("http"):
            self._literal(key, value.text or "", value, (), off)
        if len(self.file.clues) == before:
            return set()
        if name.line != value.line and "." in (name.text or ""):
            self.file.clues.append(msgspec.structs.replace(self.file.clues[-1], line=name.line))
        return {id(name), id(value)}

    # a model and where it is

    def _model(self, node: Node, off: bool) -> set[int]:
        if self.file.path.endswith(".sql"):
            return set()  # columns stand beside each other without belonging together
        provider = node.get("provider", "model_provider", "llm_provider", "vendor") or _typed_provider(node)
        model = node.get(
            "model", "model_id", "modelid", "id", "deployment", "override_params", "deployment_id"
        )
        base = node.get("base_url", "api_base", "baseurl", "apibase", "endpoint")
        client = self._client(provider, model, base)
        if client is None:
            return set()
        done: set[int] = set()
        for child, what in ((provider, "provider"), (model, "model"), (base, "endpoint")):
            if child is None or not child.text:
                continue
            if id(child) in self.done or child.raw or (child is base and child.text.startswith("$")):
                continue
            given = child.text
            self._clue(
                child.line,
                client,
                "configured",
                f"{what} {given}",
                off,
                hops=int(child is model and base is not None),
                model=given if child is model else None,
                endpoint=given if child is base else None,
            )
            done.add(id(child))
        for key, child in node.entries():
            if _REGION_KEY.search(key) and not _ENV_NAME.fullmatch(key) and child.text and not child.raw:
                self._clue(child.line, client, "configured", f"{key} {child.text}", off, region=child.text)
                done.add(id(child))
            elif (
                _KEY_KEY.fullmatch(key)
                and (match := _KEY_NAME.fullmatch(child.text or ""))
                and (match[0] != match[1] or know.client_of_env(match[1]))
            ):
                self._clue(child.line, client, "configured", match[1], off)
                done.add(id(child))
        return done

    def _client(self, provider: Node | None, model: Node | None, base: Node | None) -> know.Client | None:
        if base is not None and base.text and base.text.startswith("http"):
            known = know.client_of_url(base.text)
            if known is None and (provider or model):
                known = know.client_of_base_url(base.text)
            if known is not None and (provider or model or "openai.azure" in base.text):
                return known
        if provider is not None and provider.text:
            return know.PROVIDERS.get(provider.text)
        if model is not None and model.text and "/" in model.text and not model.raw:
            return know.client_of_prefixed(model.text)
        return None

    # permissions

    def _statement(self, node: Node) -> set[int]:
        actions, resources = node.get("action", "actions"), node.get("resource", "resources")
        if actions is None:
            return set()
        effect = node.get("effect")
        denied = effect is not None and effect.text == "Deny"
        wanted = [leaf for leaf in _leaves(actions) if know.ALLOW_ACTION.fullmatch(leaf.text or "")]
        leaves = _leaves(actions) + (_leaves(resources) if resources else [])
        if not denied:
            for leaf in wanted:
                self._clue(leaf.line, know.PROVIDERS["bedrock"], "permitted", leaf.text or "", off=False)
            for leaf in _leaves(resources) if resources and wanted else []:
                text = re.sub(
                    r"^!Sub\s+|\$\{AWS::\w+\}",
                    lambda found: "" if found[0].startswith("!") else "*",
                    leaf.text or "",
                )
                if know.is_bedrock_arn(text):
                    self._clue(
                        leaf.line,
                        know.PROVIDERS["bedrock"],
                        "permitted",
                        text,
                        off=False,
                        region=know.region_of_arn(text),
                    )
        return {id(leaf) for leaf in leaves} | {id(actions), id(resources)}

    # resources of infrastructure

    def _resource(self, node: Node, keys: tuple[str, ...], off: bool) -> set[int]:
        """resource "type" "name" {...}, {"Type": "AWS::Bedrock::..."}, resource x 'Microsoft...@version'."""
        if keys[:1] == ("resource",) and len(keys) == 3:
            sort = keys[2] if "@" in keys[2] else keys[1]  # Bicep names the resource before its type
            return self._typed(node, sort.partition("@")[0], node.line, off)
        kind = node.get("type")
        if kind is not None and kind.text and "::" in kind.text and node.get("properties"):
            return self._typed(node, kind.text, node.line, off)
        return set()

    def _typed(self, node: Node, kind: str, line: int, off: bool) -> set[int]:
        client = _resource_client(kind, node)
        if client is None:
            return set()
        self._clue(line, client, "configured", kind, off)
        done: set[int] = set()
        for key in ("location", "region"):
            child = node.get(key)
            if child is not None and child.text and not child.raw:
                self._clue(child.line, client, "configured", f"{key} {child.text}", off, region=child.text)
                done.add(id(child))
        done |= self._kind_and_reach(node, client, off)
        inner = node.get("properties") or node
        model = inner.get("model")
        name = model.get("name") if model else None
        if name is not None and name.text:
            self._clue(name.line, client, "configured", f"model {name.text}", off, model=name.text)
            done.add(id(name))
        return done

    def _kind_and_reach(self, node: Node, client: know.Client, off: bool) -> set[int]:
        """Azure: the kind of an account, and the set of regions its deployment type answers from."""
        done: set[int] = set()
        kind = node.get("kind")
        if kind is not None and kind.text in ("OpenAI", "AIServices"):
            self._clue(kind.line, client, "configured", f"kind {kind.text}", off)
            done.add(id(kind))
        tier = node.get("sku", "scale")
        name = (tier.get("name", "type") if tier is not None else None) or node.get("sku_name")
        reach = know.AZURE_REACH.get(name.text or "") if name is not None else None
        if name is not None and reach is not None:
            self._clue(name.line, client, "configured", f"deployment type {name.text}", off, region=reach)
            done.add(id(name))
        return done

    # containers that serve models, steps that call them

    def _workload(self, node: Node) -> set[int]:
        image = node.get("image")
        done: set[int] = set()
        params = node.get("litellm_params")
        alias = node.get("model_name") if params is not None else None
        if alias is not None:
            done.add(id(alias))  # what callers say; litellm_params says what it is
        if image is not None and any(pattern.fullmatch(image.text or "") for pattern in know.IMAGES):
            own = know.Client(know.SELF, "openai")
            command = node.get("command", "args")
            for leaf in _leaves(command) if command else []:
                if "--model" in (leaf.text or ""):
                    match = _MODEL_FLAG.search(leaf.text or "")
                    self._clue(
                        leaf.line, own, "configured", "--model", off=False, model=match[1] if match else None
                    )
            model = node.get("model_id")
            if model is not None and model.text:
                self._clue(model.line, own, "configured", "MODEL_ID", off=False, model=model.text, hops=1)
                done.add(id(model))
        uses = node.get("uses")
        if uses is not None and uses.text:
            done |= self._step(node, uses)
        return done

    def _step(self, node: Node, uses: Node) -> set[int]:
        client = know.ACTIONS.get((uses.text or "").partition("@")[0])
        if client is None:
            return set()
        settings = node.get("with")
        for key, child in settings.entries() if settings else ():
            if key in ("use_bedrock", "use_vertex") and child.text in _TRUE:
                client = know.PROVIDERS["bedrock" if key == "use_bedrock" else "vertex"]
                self._clue(child.line, client, "configured", key, off=False)
        self._clue(uses.line, client, "used", f"uses {uses.text}", off=False, hops=0)
        model = settings.get("model") if settings else None
        if model is not None and model.text:
            self._clue(model.line, client, "used", f"model {model.text}", off=False, model=model.text)
            return {id(uses), id(model)}
        return {id(uses)}

    def _action(self, text: str, node: Node) -> None:
        client = know.ACTIONS.get(text.partition("@")[0])
        if client is not None:
            self._clue(node.line, client, "used", f"uses {text}", off=False)

    def _script(self, text: str, line: int, off: bool) -> None:
        clues, settings = self.script(text, line)
        self.file.clues.extend(clues if not off else [])
        self.file.settings.extend(settings)

    def _set(self, name: str, line: int, value: Expr, value_line: int, off: bool) -> None:
        self.file.settings.append(
            Setting(
                name=name, line=line, value=value, value_line=value_line, off=off, condition=self.condition
            )
        )

    def _clue(
        self,
        line: int,
        client: know.Client,
        state: State,
        what: str,
        off: bool,
        *,
        model: str | None = None,
        region: str | None = None,
        endpoint: str | None = None,
        hops: int = 0,
    ) -> None:
        self.file.clues.append(
            Clue(
                line=line,
                vendor=client.vendor,
                api=client.api,
                state="disabled" if off else state,
                what=what,
                model=model,
                region=region,
                endpoint=endpoint,
                hops=hops,
            )
        )


def _switched_off(node: Node) -> bool:
    for key, child in node.entries():
        text = (child.text or "").lower()
        if key.lower() == "enabled" and text in _FALSE:
            return True
        if key.lower() == "disabled" and text in _TRUE:
            return True
    return False


def _typed_provider(node: Node) -> Node | None:
    """`type: openai` beside something that only a model's provider has."""
    kind = node.get("type", "backend")
    beside = node.get("model", "api_key", "api_key_env", "base_url", "enabled", "disabled", "deployment")
    return kind if kind is not None and kind.text in know.PROVIDERS and beside is not None else None


def _prefixed(text: str) -> know.Client:
    client = know.client_of_prefixed(text)
    return client or know.Client(know.UNKNOWN, "openai")


def _leaves(node: Node) -> list[Node]:
    if node.text is not None:
        return [node]
    return [leaf for _, child in node.entries() for leaf in _leaves(child)]


def _resource_client(kind: str, node: Node) -> know.Client | None:
    if kind == "azurerm_cognitive_account" or kind == "Microsoft.CognitiveServices/accounts":
        sort = node.get("kind")
        named = sort.text if sort is not None else None
        return None if named in know.NOT_MODELS else know.PROVIDERS["azure"]
    for pattern, client in know.RESOURCES.items():
        if kind == pattern or (pattern.endswith("*") and kind.startswith(pattern[:-1])):
            return client
    return None


def interpret(path: str, root: Node, script: ScriptReader) -> ConfigFile:
    """`script` reads the shell text that the file holds."""
    return Interpreter(path, root, script).run()


def parse(kind: str, text: str, path: str) -> Node:
    """The tree of one file, by its kind."""
    from freehold.estate.scan import flow, yamlish

    match kind:
        case "yaml":
            return yamlish.parse(text)
        case "template":
            return flow.parse(text, json=True) if text.lstrip().startswith("{") else yamlish.parse(text)
        case "json":
            return flow.parse(text, json=False)
        case "hcl":
            return flow.parse(text)
        case "toml":
            return textual.toml(text)
        case "docker":
            return textual.dockerfile(text)
        case "sql":
            return textual.sql(text)
        case _:
            return textual.dotenv(text)
