"""Python, by its syntax tree. Nothing is imported or run; a file that does not parse is read line by line."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator, Sequence

from freehold.estate.scan import knowledge as know
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

_ENV_CALLS = frozenset(
    {
        "os.getenv",
        "os.environ.get",
        "environ.get",
        "getenv",
        "env",
        "config",
        "decouple.config",
        "env.str",
        "os.environ.setdefault",
        "environ.setdefault",
    }
)
_ENV_TABLES = frozenset({"os.environ", "environ"})
_HTTP = re.compile(
    r"(requests|httpx|aiohttp|session|client|http|urllib\.request|urllib3)\.(post|get|request|stream|urlopen|Request)"
)
_HTTP_CLIENTS = frozenset({"httpx.Client", "httpx.AsyncClient", "aiohttp.ClientSession"})
_LOADERS = re.compile(r"(json|tomllib|toml|tomli|yaml|msgspec\.\w+)\.(loads?|safe_load|decode)$")
_MODULE_SETTINGS = frozenset({"api_base", "base_url", "api_type", "azure_endpoint"})
_SESSIONS = frozenset({"boto3", "aioboto3", "aiobotocore", "botocore"})
DEPTH_MAX = 200


def read(path: str, source: bytes, lines: Sequence[int] | None = None) -> Module:
    """`lines` maps the lines of the source to those to report, for code inside another file."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the code that is read, not of ours
            tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        why = f"it is not Python 3: {getattr(error, 'msg', None) or type(error).__name__}"
        return _broken(path, source, why, lines)
    _renumber(tree, lines)
    reader = _Reader()
    try:
        reader.block(tree.body, "")
    except RecursionError:
        return _broken(path, source, "it is nested too deeply", lines)
    return Module(
        path=path,
        names=reader.names,
        imports=reader.imports,
        sites=tuple(reader.sites),
        packages=frozenset(reader.packages),
        reads=tuple(reader.reads),
    )


def _renumber(tree: ast.AST, lines: Sequence[int] | None) -> None:
    for node in ast.walk(tree) if lines is not None else ():
        number = getattr(node, "lineno", None)
        if number is not None and lines is not None and number <= len(lines):
            node.lineno = lines[number - 1]  # type: ignore[attr-defined]  # it has one


def _broken(path: str, source: bytes, why: str, lines: Sequence[int] | None = None) -> Module:
    """What single statements of a broken file still say, at their lines."""
    reader = _Reader()
    for number, line in enumerate(source.decode("utf-8", "replace").splitlines(), 1):
        text = line.strip()
        if not text or text.startswith("#") or len(text) > 2000:
            continue
        closed = text + ")" * max(0, text.count("(") - text.count(")"))
        try:
            statements = ast.parse(closed).body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        for statement in statements:
            ast.increment_lineno(statement, number - 1)
            _renumber(statement, lines)
        reader.block(statements, "")
    return Module(
        path=path,
        names=reader.names,
        imports=reader.imports,
        sites=tuple(reader.sites),
        packages=frozenset(reader.packages),
        reads=tuple(reader.reads),
        broken=why,
    )


class _Reader:
    """Walks statements in order, remembering names, imports, sites. `scope` is the dotted function path."""

    def __init__(self) -> None:
        self.names: dict[str, Expr] = {}
        self.imports: dict[str, str] = {}
        self.sites: list[Site] = []
        self.packages: set[str] = set()
        self.reads: list[Env] = []
        self.classes: dict[str, str] = {}  # local class -> the client class it extends

    def block(self, statements: list[ast.stmt], scope: str) -> None:
        for statement in statements:
            self.statement(statement, scope)

    def statement(self, node: ast.stmt, scope: str) -> None:
        match node:
            case ast.Import() | ast.ImportFrom():
                self._import(node)
            case ast.ClassDef():
                self._class(node, scope)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                self._function(node, scope)
            case ast.Assign():
                value = self.value(node.value, scope)
                for target in node.targets:
                    self._assign(target, value, scope, node)
            case ast.AnnAssign() if node.value is not None:
                self._assign(node.target, self.value(node.value, scope), scope, node)
            case ast.Return() if node.value is not None:
                value = self.value(node.value, scope)
                name, returned = f"{scope}()", self.names.get(f"{scope}()")
                self.names[name] = value if returned is None else Either((returned, value), node.lineno)
            case ast.With() | ast.AsyncWith():
                for item in node.items:
                    value = self.value(item.context_expr, scope)
                    if item.optional_vars is not None:
                        self._assign(item.optional_vars, value, scope, node)
                self.block(node.body, scope)
            case _:
                self._others(node, scope)

    def _others(self, node: ast.AST, scope: str) -> None:
        """Statements without a rule of their own: their expressions, then their blocks."""
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.stmt):
                self.statement(child, scope)
            elif isinstance(child, ast.expr):
                self.value(child, scope)
            elif isinstance(child, ast.excepthandler | ast.match_case):
                self._others(child, scope)

    def _import(self, node: ast.Import | ast.ImportFrom) -> None:
        if isinstance(node, ast.Import):
            for alias in node.names:
                self.packages.add(alias.name)
                if alias.asname:
                    self.imports[alias.asname] = alias.name
                else:
                    self.imports[alias.name.partition(".")[0]] = alias.name.partition(".")[0]
            return
        module = "." * node.level + (node.module or "")
        self.packages.add(module)
        for alias in node.names:
            self.packages.add(f"{module}.{alias.name}")
            self.imports[alias.asname or alias.name] = f"{module}.{alias.name}"

    def _class(self, node: ast.ClassDef, scope: str) -> None:
        for base in node.bases:
            qualified = self.qualified(base)
            if qualified and client_of(qualified):
                self.classes[node.name] = qualified
            elif qualified in self.classes:
                self.classes[node.name] = self.classes[qualified]
        inner = f"{scope}.{node.name}" if scope else node.name
        self.block(node.body, inner)
        if any((self.dotted(base) or "").endswith("BaseSettings") for base in node.bases):
            self._settings(node, inner)
        super_call = self.names.pop(f"{inner}.super", None)
        if super_call is not None:
            self.names[f"{node.name}!"] = super_call
        for name in [name for name in self.names if name.startswith(f"{inner}.")]:
            self.names.setdefault(f"*.{name.removeprefix(inner + '.')}", self.names[name])

    def _settings(self, node: ast.ClassDef, inner: str) -> None:
        """A settings class reads each field from the environment, with its default behind it."""
        words = [word for call in ast.walk(node) if isinstance(call, ast.Call) for word in call.keywords]
        given_prefix = next((word.value for word in words if word.arg == "env_prefix"), None)
        prefix = given_prefix.value if isinstance(given_prefix, ast.Constant) else ""
        prefix = prefix if isinstance(prefix, str) else ""
        for field in node.body:
            if not isinstance(field, ast.AnnAssign) or not isinstance(field.target, ast.Name):
                continue
            name, given = f"{inner}.{field.target.id}", field.value
            if isinstance(given, ast.Call) and (self.dotted(given.func) or "").endswith("Field"):
                named = {word.arg: word.value for word in given.keywords}
                given = given.args[0] if given.args else named.get("default")
            default = self.value(given, inner) if given is not None else None
            variable = f"{prefix}{field.target.id}".upper()
            self.names[name] = self._read(variable, field.lineno, default)

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef, scope: str) -> None:
        inner = f"{scope}.{node.name}" if scope else node.name
        arguments = [*node.args.posonlyargs, *node.args.args]
        for argument, default in zip(reversed(arguments), reversed(node.args.defaults), strict=False):
            self.names[f"{inner}.{argument.arg}"] = self.value(default, scope)
        for argument, given in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True):
            if given is not None:
                self.names[f"{inner}.{argument.arg}"] = self.value(given, scope)
        for decorator in node.decorator_list:
            self.value(decorator, scope)
        self.block(node.body, inner)

    def _assign(self, target: ast.expr, value: Expr, scope: str, node: ast.stmt) -> None:
        match target:
            case ast.Name():
                self.names[f"{scope}.{target.id}" if scope else target.id] = value
            case ast.Attribute():
                self._assign_attribute(target, value, scope, node)
            case ast.Subscript(value=base, slice=ast.Constant(value=str(key))):
                if self.dotted(base) in _ENV_TABLES:
                    self.names[f"env:{key}"] = value if isinstance(value, Lit) else Lit("", node.lineno)
            case ast.Tuple() | ast.List():
                for element in target.elts:
                    self._assign(element, Dark(node.lineno), scope, node)

    def _assign_attribute(self, target: ast.Attribute, value: Expr, scope: str, node: ast.stmt) -> None:
        owner = self.dotted(target.value)
        if owner in ("self", "cls"):
            holder = scope.rpartition(".")[0] or scope
            self.names[f"{holder}.self.{target.attr}"] = value
        elif owner and self.imports.get(owner) == "openai" and target.attr in _MODULE_SETTINGS:
            self.names[f"{owner}.{target.attr}"] = value
            azure = target.attr == "api_type" and isinstance(value, Lit) and value.text.startswith("azure")
            arguments = {} if target.attr == "api_type" else {"base_url": value}
            self.sites.append(
                Site(
                    line=node.lineno,
                    vendor="microsoft" if azure else None,
                    api="azure" if azure else "openai",
                    what=f"{owner}.{target.attr} = ...",
                    makes=True,
                    arguments=arguments,
                )
            )
            self.names["openai!"] = Made(len(self.sites) - 1, node.lineno)

    def _read(self, name: str, line: int, default: Expr | None = None) -> Env:
        self.reads.append(Env(name, line, default))
        return self.reads[-1]

    # expressions

    def value(self, node: ast.expr, scope: str) -> Expr:
        match node:
            case ast.Constant(value=str(text)):
                return Lit(text, node.lineno)
            case ast.Constant():
                return Dark(node.lineno, "constant")
            case ast.Call():
                return self._call(node, scope)
            case ast.Name() | ast.Attribute():
                return self._name(node, scope)
            case ast.JoinedStr():
                return Join(tuple(self._formatted(part, scope) for part in node.values), node.lineno)
            case ast.BinOp(op=ast.Add()):
                return Join((self.value(node.left, scope), self.value(node.right, scope)), node.lineno)
            case ast.BoolOp(op=ast.Or()):
                return Either(tuple(self.value(part, scope) for part in node.values), node.lineno)
            case ast.IfExp():
                self.value(node.test, scope)
                return Either((self.value(node.body, scope), self.value(node.orelse, scope)), node.lineno)
            case ast.Subscript():
                return self._subscript(node, scope)
            case ast.Await() | ast.Starred() | ast.NamedExpr():
                return self.value(node.value, scope)
            case ast.Dict():
                return self._dict(node, scope)
        self._others(node, scope)
        return Dark(node.lineno)

    def _formatted(self, node: ast.expr, scope: str) -> Expr:
        return self.value(node.value if isinstance(node, ast.FormattedValue) else node, scope)

    def _name(self, node: ast.Name | ast.Attribute, scope: str) -> Expr:
        dotted = self.dotted(node)
        if dotted is None:
            if isinstance(node, ast.Attribute):
                self.value(node.value, scope)
                if isinstance(node.value, ast.Call) and (maker := self.dotted(node.value.func)):
                    return Ref(f"{maker}().{node.attr}", node.lineno, scope)
            return Dark(node.lineno)
        return Ref(dotted, node.lineno, scope)

    def _dict(self, node: ast.Dict, scope: str) -> Expr:
        """A table of client classes uses each of them; other values are only looked through."""
        for value in node.values:
            qualified = self.qualified(value)
            client = client_of(qualified) if qualified else None
            if client is not None and isinstance(value, ast.Attribute | ast.Name):
                self._site(value, client, f"{qualified}", {}, makes=True)
            else:
                self.value(value, scope)
        return Dark(node.lineno)

    def _subscript(self, node: ast.Subscript, scope: str) -> Expr:
        keys: list[str] = []
        base: ast.expr = node
        while isinstance(base, ast.Subscript):
            if not (isinstance(base.slice, ast.Constant) and isinstance(base.slice.value, str | int)):
                self.value(node.value, scope)
                return Dark(node.lineno)
            keys.append(str(base.slice.value))
            base = base.value
        if self.dotted(base) in _ENV_TABLES and len(keys) == 1:
            return self._read(keys[0], node.lineno)
        return Item(self.value(base, scope), tuple(reversed(keys)), node.lineno)

    def _call(self, node: ast.Call, scope: str) -> Expr:
        dotted = self.dotted(node.func) or ""
        qualified = self.qualified(node.func) or ""
        if dotted in _ENV_CALLS and node.args and isinstance(node.args[0], ast.Constant):
            default = self.value(node.args[1], scope) if len(node.args) > 1 else None
            return self._read(str(node.args[0].value), node.lineno, default)
        if _LOADERS.search(qualified) or _LOADERS.search(dotted):
            return self._load(node, scope)
        arguments = self._arguments(node, scope)
        if dotted == "super.__init__" or (
            isinstance(node.func, ast.Attribute)
            and node.func.attr == "__init__"
            and _is_super(node.func.value)
        ):
            return self._super(node, arguments, scope)
        if (
            dotted.endswith(".add_argument")
            and isinstance(arguments.get("0"), Lit)
            and "default" in arguments
        ):
            self._option(node, arguments["default"])
        made = self._known(node, dotted, qualified, arguments, scope)
        if made is not None:
            return made
        if dotted:
            if dotted.endswith((".split", ".strip", ".rstrip", ".lower")) and isinstance(
                node.func, ast.Attribute
            ):
                return self.value(node.func.value, scope)
            return Ref(f"{dotted}()", node.lineno, scope)
        if isinstance(node.func, ast.Attribute):
            return self.value(node.func.value, scope)  # a chain: what it is called on matters
        self._others(node.func, scope)
        return Dark(node.lineno)

    def _option(self, node: ast.Call, default: Expr) -> None:
        """A command line option is read back as an attribute: --judge-model is args.judge_model."""
        words = [arg.value for arg in node.args if isinstance(arg, ast.Constant)]
        name = str(words[-1]).lstrip("-").replace("-", "_") if words else ""
        self.names.setdefault(f"*.{name}", default)

    def _arguments(self, node: ast.Call, scope: str) -> dict[str, Expr]:
        found = {str(number): self.value(argument, scope) for number, argument in enumerate(node.args)}
        for keyword in node.keywords:
            value = self.value(keyword.value, scope)
            if keyword.arg is not None:
                found[keyword.arg] = value
        return found

    def _known(
        self, node: ast.Call, dotted: str, qualified: str, arguments: dict[str, Expr], scope: str
    ) -> Expr | None:
        client = client_of(qualified) or client_of(self.classes.get(qualified, ""))
        if client is not None:
            own = self.names.get(f"{qualified}!")
            if isinstance(own, Made):
                arguments = {**self.sites[own.site].arguments, **arguments}
            return self._site(node, client, f"{dotted}(...)", arguments, makes=True)
        if qualified in know.PYTHON_BY_MODEL:
            default = know.PYTHON_BY_MODEL_DEFAULT.get(qualified)
            if default is not None and "model" not in arguments:
                return self._site(node, default, f"{dotted}(...)", arguments, makes=True)
            return self._by_model(node, dotted, arguments)
        if qualified == know.LITELLM_ROUTER:
            return self._router(node, scope)
        tail = dotted.rpartition(".")[2] or (node.func.attr if isinstance(node.func, ast.Attribute) else "")
        if qualified.endswith(".Session") and qualified.partition(".")[0] in _SESSIONS:
            return self._session(node, arguments)
        if tail in ("client", "resource") and (runtime := self._runtime(arguments)):
            if isinstance(node.func, ast.Attribute) and qualified.partition(".")[0] not in _SESSIONS:
                arguments.setdefault("region_name", self.value(node.func.value, scope))
            return self._site(node, runtime, f"{dotted or tail}(...)", arguments, makes=True)
        if (dotted in _HTTP_CLIENTS and "base_url" in arguments) or _HTTP.fullmatch(dotted):
            address = arguments.get("base_url") or arguments.get("url") or arguments.get("0")
            if address is not None:
                return self._site(
                    node, None, f"{dotted}(...)", {"url": address}, makes=dotted in _HTTP_CLIENTS
                )
        return self._method(node, dotted, arguments, scope)

    def _session(self, node: ast.Call, arguments: dict[str, Expr]) -> Expr:
        """An AWS session stands for its regions: what it is given, or what its profile says."""
        region, profile = arguments.get("region_name"), arguments.get("profile_name")
        if region is not None:
            return region
        return Ref(f"profile:{profile.text}", node.lineno) if isinstance(profile, Lit) else Dark(node.lineno)

    def _by_model(self, node: ast.Call, dotted: str, arguments: dict[str, Expr]) -> Expr | None:
        if "mock_response" in arguments:
            return Dark(node.lineno)
        model = arguments.get("model") or arguments.get("model_id") or arguments.get("0")
        if isinstance(model, Made):
            return model  # a model object: where it goes was told where it was made
        if model is None or isinstance(model, Dark):
            return None
        if provider := arguments.get("model_provider"):
            model = Join((provider, Lit(":", node.lineno), model), node.lineno)
        self.sites.append(
            Site(
                line=node.lineno,
                vendor=None,
                api=None,
                what=f"{dotted}(...)",
                makes=True,
                by_model=True,
                arguments={**arguments, "model": model},
            )
        )
        return Made(len(self.sites) - 1, node.lineno)

    def _method(self, node: ast.Call, dotted: str, arguments: dict[str, Expr], scope: str) -> Expr | None:
        if not isinstance(node.func, ast.Attribute):
            return None
        tail = _tail(node.func)
        if tail is None:
            return None
        base: ast.expr = node.func
        for _ in tail.split("."):
            base = base.value  # type: ignore[attr-defined]  # _tail walked the same attributes
        receiver = self.value(base, scope)
        if isinstance(base, ast.Name) and self.imports.get(base.id) == "openai" and "openai!" in self.names:
            receiver = self.names["openai!"]
        return self._site(node, know.CALL_TAILS[tail], tail, arguments, makes=False, receiver=receiver)

    def _site(
        self,
        node: ast.expr,
        client: know.Client | None,
        what: str,
        arguments: dict[str, Expr],
        *,
        makes: bool,
        receiver: Expr | None = None,
    ) -> Expr:
        self.sites.append(
            Site(
                line=node.lineno,
                vendor=client.vendor if client else None,
                api=client.api if client else None,
                what=what,
                makes=makes,
                receiver=receiver,
                arguments=arguments,
            )
        )
        return Made(len(self.sites) - 1, node.lineno)

    def _super(self, node: ast.Call, arguments: dict[str, Expr], scope: str) -> Expr:
        """super().__init__(base_url=...) in a subclass of a client decides where its instances go."""
        for part in scope.split("."):
            if part in self.classes and any(name in arguments for name in know.URL_ARGUMENTS):
                client = client_of(self.classes[part])
                made = self._site(node, client, f"{part}: super().__init__(...)", arguments, makes=True)
                self.names[f"{scope.rpartition('.')[0]}.super"] = made
                return made
        return Dark(node.lineno)

    def _runtime(self, arguments: dict[str, Expr]) -> know.Client | None:
        service = arguments.get("service_name") or arguments.get("0")
        if isinstance(service, Lit):
            if "1" in arguments:
                arguments.setdefault("region_name", arguments["1"])
            return know.AWS_RUNTIMES.get(service.text)
        return None

    def _router(self, node: ast.Call, scope: str) -> Expr:
        """litellm.Router(model_list=[{"litellm_params": {...}}, ...]): one site a row."""
        rows: list[Expr] = []
        for inner in ast.walk(node):
            if not isinstance(inner, ast.Dict):
                continue
            row = {
                key.value: self.value(value, scope)
                for key, value in zip(inner.keys, inner.values, strict=True)
                if isinstance(key, ast.Constant) and isinstance(key.value, str)
            }
            if "model" in row:
                self.sites.append(
                    Site(
                        line=row["model"].line,
                        vendor=None,
                        api=None,
                        what="Router(...)",
                        makes=True,
                        by_model=True,
                        arguments=row,
                    )
                )
                rows.append(Made(len(self.sites) - 1, node.lineno))
        return Either(tuple(rows), node.lineno) if rows else Dark(node.lineno)

    def _load(self, node: ast.Call, scope: str) -> Expr:
        for inner in ast.walk(node):
            text = inner.value if isinstance(inner, ast.Constant) else None
            if isinstance(text, str) and text.endswith((".json", ".toml", ".yaml", ".yml")):
                return Loaded(text, node.lineno)
        for argument in node.args:
            self.value(argument, scope)
        return Dark(node.lineno)

    def dotted(self, node: ast.expr) -> str | None:
        """`a.b.c` as written, also through a call on the way: make().client is None."""
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name):
            return None
        return ".".join([node.id, *reversed(parts)])

    def qualified(self, node: ast.expr) -> str | None:
        dotted = self.dotted(node)
        if dotted is None:
            return None
        root, _, rest = dotted.partition(".")
        origin = self.imports.get(root, root)
        return f"{origin}.{rest}" if rest else origin


def _is_super(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "super"


def _tail(func: ast.Attribute) -> str | None:
    """The longest known ending of a method chain."""
    attributes: list[str] = []
    node: ast.expr = func
    while isinstance(node, ast.Attribute) and len(attributes) < 4:
        attributes.append(node.attr)
        node = node.value
        if isinstance(node, ast.Call):
            break
    for size in range(len(attributes), 0, -1):
        candidate = ".".join(reversed(attributes[:size]))
        if candidate in know.CALL_TAILS:
            return candidate
    return None


def client_of(qualified: str) -> know.Client | None:
    exact = know.PYTHON_CLIENTS.get(qualified)
    if exact is not None or "." not in qualified:
        return exact
    name = qualified.rpartition(".")[2]
    for package, client in _starred(name):
        if qualified.startswith(package):
            return client
    return None


def _starred(name: str) -> Iterator[tuple[str, know.Client]]:
    yield from _STARRED.get(name, ())


_STARRED: dict[str, list[tuple[str, know.Client]]] = {}
for _pattern, _client in know.PYTHON_CLIENTS.items():
    if "*" in _pattern:
        _package, _, _name = _pattern.partition("*")
        _STARRED.setdefault(_name.lstrip("."), []).append((_package, _client))
