"""Values as code writes them, before anything is known: the form that every language is read into.

Small trees of plain tuples-with-names, cheap to make and to send between processes.
"""

from __future__ import annotations

import msgspec


class _Expr(msgspec.Struct, frozen=True, array_like=True):
    pass


class Lit(_Expr, frozen=True, tag="lit"):
    text: str
    line: int


class Env(_Expr, frozen=True, tag="env"):
    """A read of an environment variable, with what it falls back to."""

    name: str
    line: int
    default: Expr | None = None


class Ref(_Expr, frozen=True, tag="ref"):
    """A name: `MODEL`, `self.client`, `settings.region`, `make()` for what a function returns."""

    name: str
    line: int
    scope: str = ""


class Item(_Expr, frozen=True, tag="item"):
    """A constant path into something: CATALOG["models"]["writer"]."""

    base: Expr
    keys: tuple[str, ...]
    line: int


class Join(_Expr, frozen=True, tag="join"):
    """Parts put together: an f-string, a template, a sum."""

    parts: tuple[Expr, ...]
    line: int


class Either(_Expr, frozen=True, tag="either"):
    """One of several: `a or b`, a conditional, a split list."""

    parts: tuple[Expr, ...]
    line: int


class Loaded(_Expr, frozen=True, tag="loaded"):
    """What a data file of the tree holds."""

    path: str
    line: int


class Made(_Expr, frozen=True, tag="made"):
    """What site number `site` of the same file made."""

    site: int
    line: int


class Dark(_Expr, frozen=True, tag="dark"):
    """Something that only running the code would tell."""

    line: int
    why: str = "computed"


Expr = Lit | Env | Ref | Item | Join | Either | Loaded | Made | Dark


class Site(msgspec.Struct, frozen=True, kw_only=True):
    """A place where a client is made or a model is called."""

    line: int
    vendor: str | None  # what the constructor or method alone tells
    api: str | None
    what: str  # as written: OpenAI(...), messages.create
    makes: bool  # makes a client (else: calls one)
    by_model: bool = False  # the model's name tells the vendor
    receiver: Expr | None = None
    arguments: dict[str, Expr] = {}
    off: bool = False


class Module(msgspec.Struct, frozen=True, kw_only=True):
    """What one source file says, unresolved."""

    path: str
    names: dict[str, Expr] = {}
    imports: dict[str, str] = {}  # local name -> qualified name or module path
    sites: tuple[Site, ...] = ()
    packages: frozenset[str] = frozenset()
    reads: tuple[Env, ...] = ()  # every environment variable it asks for
    broken: str | None = None
