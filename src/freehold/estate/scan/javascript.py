"""JavaScript and TypeScript, by tokens: imports, constants, constructors and calls. Nothing is run.

A full parser is not needed for what is asked: `new Client({...})`, `provider('model')`,
`client.method({...})`, `fetch(url)`, and the constants they name. Strings, templates, comments and regular
expressions are told apart.
"""

from __future__ import annotations

import re

from freehold.estate.scan import knowledge as know
from freehold.estate.scan.expr import Dark, Either, Env, Expr, Item, Join, Lit, Made, Module, Ref, Site

_TOKEN = re.compile(
    r"""
      (?P<space>\s+)
    | (?P<comment>//[^\n]*|/\*.*?(?:\*/|\Z))
    | (?P<string>'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*")
    | (?P<template>`(?:\\.|\$\{(?:[^{}]|\{[^{}]*\})*\}|[^`\\])*`)
    | (?P<regex>(?<=[=(,:;!&|?])\s*/(?![/*])(?:\\.|\[(?:\\.|[^\]\\])*\]|[^/\\\n\[])+/[a-z]*)
    | (?P<word>[A-Za-z_$#][\w$]*)
    | (?P<number>\d[\w.]*)
    | (?P<punct>\?\?=?|\?\.|=>|\.\.\.|===?|!==?|&&|\|\||[{}()\[\];,.<>:?=+\-*/%&|^!~@])
    | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(r"\\(.)")
_SUBSTITUTION = re.compile(r"\$\{((?:[^{}]|\{[^{}]*\})*)\}")
_METHODS = {tail.rpartition(".")[2] for tail in know.CALL_TAILS}
_AI_CALLS = frozenset({"generateText", "streamText", "generateObject", "streamObject", "embed", "embedMany"})
_FACTORY = re.compile(r"create[A-Z]\w*")
_CLOSER = {"(": ")", "[": "]", "{": "}"}
DEPTH_MAX = 60


class _Token:
    __slots__ = ("kind", "line", "text")

    def __init__(self, kind: str, text: str, line: int) -> None:
        self.kind, self.text, self.line = kind, text, line


def read(path: str, source: bytes) -> Module:
    reader = _Reader(_tokens(source.decode("utf-8", "replace")))
    reader.walk()
    return Module(
        path=path,
        names=reader.names,
        imports=reader.imports,
        sites=tuple(reader.sites),
        packages=frozenset(reader.packages),
    )


def _tokens(text: str) -> list[_Token]:
    found: list[_Token] = []
    line = 1
    for match in _TOKEN.finditer(text):
        kind, value = match.lastgroup or "other", match[0]
        if kind not in ("space", "comment"):
            found.append(_Token(kind, value, line))
        line += value.count("\n")
    return found


class _Reader:
    def __init__(self, tokens: list[_Token]) -> None:
        self.tokens = tokens
        self.at = 0
        self.names: dict[str, Expr] = {}
        self.imports: dict[str, str] = {}  # local name -> "module:exported"
        self.sites: list[Site] = []
        self.packages: set[str] = set()
        self.classes: dict[str, know.Client] = {}  # local class -> the client it extends
        self.given: dict[str, dict[str, Expr]] = {}  # what that class gives its client
        self.subclass: str | None = None  # the one being read

    def text(self, offset: int = 0) -> str:
        position = self.at + offset
        return self.tokens[position].text if 0 <= position < len(self.tokens) else ""

    def walk(self) -> None:
        while self.at < len(self.tokens):
            token, before = self.tokens[self.at], self.at
            if token.text == "import" and self.text(-1) != ".":
                self._import()
            elif token.text in ("const", "let", "var") or (
                token.text == "export" and self.text(1) == "const"
            ):
                self._declare()
            elif token.kind == "word" and self.text(1) == "=" and self.text(-1) != ".":
                self._assignment()
            elif token.kind == "word" and token.text in ("exports", "this") and self.text(1) == ".":
                self._attribute()
            elif token.text == "function" and self.text(2) == "(":
                self.at += 2
            elif token.text == "class" and self.text(2) == "extends":
                self._subclass()
            elif token.kind == "word":
                self.expression(0)
            if self.at <= before:
                self.at = before + 1

    def _import(self) -> None:
        self.at += 1
        typed = self.text() == "type" and self.text(1) in ("{",)
        names: list[tuple[str, str]] = []
        while self.at < len(self.tokens) and self.tokens[self.at].kind != "string":
            text = self.text()
            if text in (";", "(", "="):
                return
            if text == "as":
                exported, _ = names.pop()
                self.at += 1
                names.append((exported, self.text()))
            elif text == "*":
                names.append(("*", "*"))
            elif self.tokens[self.at].kind == "word" and text not in ("from", "type"):
                inside = any(
                    self.tokens[back].text == "{"
                    for back in range(max(0, self.at - 60), self.at)
                    if not any(t.text == "import" for t in self.tokens[back : self.at])
                )
                names.append((text if inside else "default", text))
            self.at += 1
        if self.at >= len(self.tokens):
            return
        module = _unquote(self.text())
        self.at += 1
        if not typed:
            self._bind(module, names)

    def _subclass(self) -> None:
        """`class Own extends Client {`: what super(...) is given decides where its instances go."""
        name = self.text(1)
        self.at += 3
        parent = self._dotted()
        client = self._class(parent)
        if client is not None:
            self.classes[name] = client
            self.subclass = name

    def _super(self, depth: int) -> Expr:
        line = self.tokens[self.at].line
        self.at += 1
        arguments = self._arguments(depth)
        name = self.subclass
        if name is None or not any(key in arguments for key in know.URL_ARGUMENTS):
            return Dark(line)
        made = self._site(line, self.classes[name], f"{name}: super(...)", arguments, makes=True)
        self.given[name] = arguments
        return made

    def _bind(self, module: str, names: list[tuple[str, str]]) -> None:
        self.packages.add(module)
        for exported, local in names:
            self.imports[local] = f"{module}:{exported}"

    def _declare(self) -> None:
        while self.text() in ("export", "const", "let", "var"):
            self.at += 1
        if self.text() == "{":
            self._destructure()
            return
        name = self.text()
        self.at += 1
        if self.text() == ":":  # a type annotation: skip to the =
            while self.at < len(self.tokens) and self.text() not in ("=", ";", "of", "in"):
                self.at += 1
        if self.text() != "=":
            return
        self.at += 1
        self._bind_value(name)

    def _bind_value(self, name: str) -> None:
        if self.text() == "require" and self.text(1) == "(":
            self._bind(_unquote(self.text(2)), [("default", name)])
            self.at += 4
            return
        value = self.expression(0)
        if name not in self.names or not isinstance(value, Dark):
            self.names[name] = value

    def _destructure(self) -> None:
        names: list[tuple[str, str]] = []
        self.at += 1
        while self.at < len(self.tokens) and self.text() != "}":
            if self.text(1) == ":":
                names.append((self.text(), self.text(2)))
                self.at += 3
            else:
                if self.tokens[self.at].kind == "word":
                    names.append((self.text(), self.text()))
                self.at += 1
        self.at += 1
        if self.text() == "=" and self.text(1) == "require" and self.text(2) == "(":
            self._bind(_unquote(self.text(3)), names)
            self.at += 5

    def _assignment(self) -> None:
        name = self.text()
        self.at += 2
        self._bind_value(name)

    def _attribute(self) -> None:
        if self.text(3) == "=":
            name = self.text(2) if self.text() == "exports" else f"this.{self.text(2)}"
            self.at += 4
            self._bind_value(name)
        else:
            self.expression(0)

    # expressions

    def expression(self, depth: int) -> Expr:
        """One operand and what is joined to it by +, ??, || or ?:."""
        line = self.tokens[self.at].line if self.at < len(self.tokens) else 1
        first = self.operand(depth)
        while self.at < len(self.tokens):
            operator = self.text()
            if operator == "+":
                self.at += 1
                first = Join((first, self.operand(depth)), line)
            elif operator in ("??", "||"):
                self.at += 1
                other = self.operand(depth)
                if isinstance(first, Env) and first.default is None:
                    first = Env(first.name, first.line, other)
                else:
                    first = Either((first, other), line)
            elif operator == "?":
                self.at += 1
                chosen = self.expression(depth)
                if self.text() != ":":
                    return Dark(line)
                self.at += 1
                first = Either((chosen, self.expression(depth)), line)
            elif operator in ("as", "satisfies"):
                self.at += 2
            elif operator == "!" and self.text(1) != "=":
                self.at += 1
            else:
                break
        return first

    def operand(self, depth: int) -> Expr:
        if self.at >= len(self.tokens) or depth > DEPTH_MAX:
            self.at += 1
            return Dark(1)
        token = self.tokens[self.at]
        if token.kind == "string":
            self.at += 1
            return Lit(_unquote(token.text), token.line)
        if token.kind == "template":
            self.at += 1
            return _template(token.text, token.line)
        if token.text in ("await", "return", "typeof", "async", "!", "-", "...", "void"):
            self.at += 1
            return self.operand(depth + 1)
        if token.text == "new":
            return self._new(depth)
        if token.text == "super" and self.text(1) == "(":
            return self._super(depth)
        if token.text in _CLOSER:
            return self._brackets(depth)
        if token.kind == "word":
            return self._chain(depth)
        self.at += 1
        return Dark(token.line)

    def _brackets(self, depth: int) -> Expr:
        """What is inside is looked through; an arrow function's result counts as its value."""
        token = self.tokens[self.at]
        closer = _CLOSER[token.text]
        self.at += 1
        inner: Expr = Dark(token.line)
        count = 0
        while self.at < len(self.tokens) and self.text() != closer:
            before = self.at
            value = self.expression(depth + 1)
            if not isinstance(value, Dark):
                inner, count = value, count + 1
            if self.at <= before:
                self.at = before + 1
            if self.text() in (",", ":", ";", "=>", "="):
                self.at += 1
        self.at += 1
        if token.text == "(" and self.text() == "=>":
            self.at += 1
            return self.expression(depth + 1)
        return inner if token.text == "(" and count == 1 else Dark(token.line)

    def _new(self, depth: int) -> Expr:
        token = self.tokens[self.at]
        self.at += 1
        name = self._dotted()
        if self.text() == "<":
            self._skip_types()
        arguments = self._arguments(depth) if self.text() == "(" else {}
        client = self._class(name) or self.classes.get(name)
        if client is not None:
            arguments = {**self.given.get(name, {}), **arguments}
            return self._after(
                self._site(token.line, client, f"new {name}(...)", arguments, makes=True), depth
            )
        if name in know.JS_COMMANDS:
            return self._site(token.line, know.PROVIDERS["bedrock"], name, arguments, makes=False)
        return self._after(Dark(token.line), depth)

    def _class(self, name: str) -> know.Client | None:
        root, _, rest = name.partition(".")
        module, _, exported = self.imports.get(root, "").partition(":")
        return know.JS_CLIENTS.get((module, rest or exported)) if module else None

    def _dotted(self) -> str:
        parts = [self.text()]
        self.at += 1
        while (
            self.text() in (".", "?.")
            and self.at + 1 < len(self.tokens)
            and self.tokens[self.at + 1].kind == "word"
        ):
            parts.append(self.text(1))
            self.at += 2
        return ".".join(parts)

    def _skip_types(self) -> None:
        depth, start = 0, self.at
        while self.at < len(self.tokens) and self.at - start < 60:
            depth += {"<": 1, ">": -1}.get(self.text(), 0)
            self.at += 1
            if depth == 0:
                return
        self.at = start + 1

    def _chain(self, depth: int) -> Expr:
        token = self.tokens[self.at]
        name = self._dotted()
        if name.startswith(("process.env.", "import.meta.env.")):
            return Env(name.rpartition(".")[2], token.line)
        if self.text() == "=>":
            self.at += 1
            return self.expression(depth + 1)
        if (
            self.text() == "["
            and self.at + 2 < len(self.tokens)
            and self.tokens[self.at + 1].kind == "string"
        ):
            key = _unquote(self.text(1))
            self.at += 3
            return (
                Env(key, token.line)
                if name == "process.env"
                else Item(Ref(name, token.line), (key,), token.line)
            )
        if self.text() == "<" and self.at + 1 < len(self.tokens) and self.tokens[self.at + 1].kind == "word":
            mark = self.at
            self._skip_types()
            if self.text() != "(":
                self.at = mark
        if self.text() != "(":
            return Ref(name, token.line)
        if name == "require":
            self.packages.add(_unquote(self.text(1)))
        arguments = self._arguments(depth)
        return self._after(self._called(name, token.line, arguments), depth)

    def _called(self, name: str, line: int, arguments: dict[str, Expr]) -> Expr:
        module, _, exported = self.imports.get(name.partition(".")[0], "").partition(":")
        if module in know.AI_SDK and "." not in name:
            what = f"{name}(...)"
            if _FACTORY.fullmatch(exported):
                client = know.AI_SDK[module]
                return self._site(line, client, what, arguments, makes=True)
            return self._site(
                line, know.AI_SDK[module], what, {"model": arguments.get("0", Dark(line))}, makes=True
            )
        if name in ("fetch", "axios.post", "axios", "got.post", "axios.create") and (
            "0" in arguments or "baseURL" in arguments
        ):
            url = arguments.get("baseURL") or arguments.get("url") or arguments["0"]
            return self._site(line, None, f"{name}(...)", {**arguments, "url": url}, makes=False)
        if name in _AI_CALLS and isinstance(arguments.get("model"), Lit):
            return self._site(line, know.AI_SDK_STRING, f"{name}(...)", arguments, makes=False)
        if name in _AI_CALLS and "model" in arguments and isinstance(arguments["model"], Ref):
            return self._site(line, None, f"{name}(...)", {}, makes=False, receiver=arguments["model"])
        head, _, last = name.rpartition(".")
        if last in _METHODS and (tail := _tail(name)):
            receiver = Ref(name[: -len(tail) - 1], line) if len(name) > len(tail) else None
            return self._site(line, know.CALL_TAILS[tail], tail, arguments, makes=False, receiver=receiver)
        made = self.names.get(name)
        if isinstance(made, Made) and not head:  # a provider made by a factory, called with a model
            return self._site(
                line,
                None,
                f"{name}(...)",
                {"model": arguments.get("0", Dark(line))},
                makes=False,
                receiver=Ref(name, line),
            )
        return Ref(f"{name}()", line)

    def _after(self, value: Expr, depth: int) -> Expr:
        """What is chained on: further calls and attributes are looked through."""
        while self.text() in (".", "?."):
            self.at += 1
            self._dotted()
            if self.text() == "(":
                self._arguments(depth)
        return value

    def _arguments(self, depth: int) -> dict[str, Expr]:
        """Positional ones by number; the keys of object literals by name."""
        found: dict[str, Expr] = {}
        self.at += 1
        number = 0
        while self.at < len(self.tokens) and self.text() != ")":
            before = self.at
            if self.text() == "{":
                self._object(found, depth + 1)
            else:
                found[str(number)] = self.expression(depth + 1)
            number += 1
            if self.at <= before:
                self.at = before + 1
            if self.text() == ",":
                self.at += 1
        self.at += 1
        return found

    def _object(self, found: dict[str, Expr], depth: int) -> None:
        self.at += 1
        while self.at < len(self.tokens) and self.text() != "}":
            token, before = self.tokens[self.at], self.at
            if token.kind in ("word", "string") and self.text(1) == ":":
                key = _unquote(token.text) if token.kind == "string" else token.text
                self.at += 2
                found.setdefault(key, self._object_value(found, key, depth))
            elif token.kind == "word" and self.text(1) in (",", "}"):
                found.setdefault(token.text, Ref(token.text, token.line))
                self.at += 1
            else:
                self.expression(depth)
            if self.at <= before:
                self.at = before + 1
            if self.text() in (",", ":", ";"):
                self.at += 1
        self.at += 1

    def _object_value(self, found: dict[str, Expr], key: str, depth: int) -> Expr:
        """An object inside an object gives its keys with the outer one before them: headers.x-api-key."""
        if self.text() == "{" and depth < DEPTH_MAX:
            line = self.tokens[self.at].line
            inner: dict[str, Expr] = {}
            self._object(inner, depth + 1)
            for name, value in inner.items():
                found.setdefault(f"{key}.{name}", value)
            return Dark(line)
        return self.expression(depth)

    def _site(
        self,
        line: int,
        client: know.Client | None,
        what: str,
        arguments: dict[str, Expr],
        *,
        makes: bool,
        receiver: Expr | None = None,
    ) -> Expr:
        self.sites.append(
            Site(
                line=line,
                vendor=client.vendor if client else None,
                api=client.api if client else None,
                what=what,
                makes=makes,
                receiver=receiver,
                arguments=arguments,
            )
        )
        return Made(len(self.sites) - 1, line)


def _tail(name: str) -> str | None:
    parts = name.split(".")
    for size in range(min(4, len(parts)), 0, -1):
        candidate = ".".join(parts[-size:])
        if candidate in know.CALL_TAILS:
            return candidate
    return None


def _unquote(text: str) -> str:
    body = text[1:-1]
    return _ESCAPE.sub(r"\1", body) if "\\" in body else body


def _template(text: str, line: int) -> Expr:
    body = text[1:-1]
    parts: list[Expr] = []
    position = 0
    for match in _SUBSTITUTION.finditer(body):
        if match.start() > position:
            parts.append(Lit(body[position : match.start()], line))
        inner = match[1].strip()
        if inner.startswith("process.env."):
            parts.append(Env(inner.removeprefix("process.env."), line))
        elif re.fullmatch(r"[\w$.]+", inner):
            parts.append(Ref(inner, line))
        else:
            parts.append(Dark(line))
        position = match.end()
    if position < len(body) or not parts:
        parts.append(Lit(body[position:], line))
    return parts[0] if len(parts) == 1 else Join(tuple(parts), line)
