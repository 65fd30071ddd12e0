"""A restricted XML reader and canonicaliser, for signed reference manifests and nothing else.

It reads elements, attributes, namespaces and text. Everything by which XML has been attacked is refused:
document types, entities but the five named ones, comments, processing instructions, CDATA, xml: attributes,
carriage returns. What is left has one canonical form (Canonical XML 1.1, inclusive), which tests compare with
lxml's.
"""

from __future__ import annotations

import re

import msgspec

from freehold.seal.attest.malformed import malformed

XML_BYTES_MAX = 4 * 1024 * 1024
DEPTH_MAX, ELEMENTS_MAX, ATTRIBUTES_MAX = 32, 50_000, 256
_NAME = r"[A-Za-z_][A-Za-z0-9_.\-]*"
_OPEN = re.compile(
    rf"<(?:({_NAME}):)?({_NAME})((?:\s+(?:{_NAME}:)?{_NAME}\s*=\s*(?:\"[^\"<]*\"|'[^'<]*'))*)\s*(/?)>"
)
_CLOSE = re.compile(rf"</(?:({_NAME}):)?({_NAME})\s*>")
_ATTRIBUTE = re.compile(rf"\s+(?:({_NAME}):)?({_NAME})\s*=\s*(?:\"([^\"<]*)\"|'([^'<]*)')")
_DECLARATION = re.compile(
    r"<\?xml\s+version\s*=\s*[\"']1\.0[\"'](?:\s+encoding\s*=\s*[\"'](?i:utf-8)[\"'])?\s*\?>\s*"
)
_ENTITY = re.compile(r"&(?:(amp|lt|gt|quot|apos);)?")
_ENTITIES = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}
_URI = re.compile(r"[A-Za-z0-9:/.#?=_\-]*")
_FORBIDDEN = re.compile("[\x00-\x08\x0b-\x1f\ufffe\uffff]")


class Element(msgspec.Struct, kw_only=True):
    """`namespaces` are those declared on this element; `scope` all that are in force on it."""

    prefix: str
    local: str
    attributes: tuple[tuple[str, str, str], ...]
    namespaces: dict[str, str]
    scope: dict[str, str]
    children: list[Element | str]

    @property
    def uri(self) -> str:
        return self.scope.get(self.prefix, "")

    def elements(self, uri: str, local: str) -> list[Element]:
        return [
            each
            for each in self.children
            if isinstance(each, Element) and (each.uri, each.local) == (uri, local)
        ]

    def attribute(self, local: str, uri: str = "") -> str | None:
        for prefix, name, value in self.attributes:
            if name == local and (self.scope[prefix] if prefix else "") == uri:
                return value
        return None

    @property
    def text(self) -> str:
        if any(isinstance(child, Element) for child in self.children):
            raise malformed(f"the element {self.local} holds elements where text is expected")
        return "".join(child for child in self.children if isinstance(child, str))


def parse_xml(data: bytes) -> Element:
    if len(data) > XML_BYTES_MAX:
        raise malformed(f"the XML has {len(data)} bytes", why=f"at most {XML_BYTES_MAX} are read")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise malformed("the XML is not UTF-8") from error
    if found := _FORBIDDEN.search(text):
        raise malformed(f"the XML holds the character {ord(found[0]):#x}", why="no manifest needs it")
    start = match.end() if (match := _DECLARATION.match(text)) else 0
    root, end = _parse(text, start)
    if text[end:].strip():
        raise malformed("something follows the XML's root element")
    return root


def _parse(text: str, at: int) -> tuple[Element, int]:
    """One element and everything in it, without recursion."""
    stack: list[Element] = []
    count = 0
    while True:
        if text.startswith("</", at):
            match = _CLOSE.match(text, at)
            if (
                match is None
                or not stack
                or (match[1] or "", match[2]) != (stack[-1].prefix, stack[-1].local)
            ):
                raise malformed("an XML element is closed that is not open")
            at, done = match.end(), stack.pop()
            if not stack:
                return done, at
        elif text.startswith("<", at):
            element, at, empty = _opened(text, at, stack[-1].scope if stack else {})
            count += 1
            if count > ELEMENTS_MAX or len(stack) >= DEPTH_MAX:
                raise malformed("the XML has too many elements, or they are nested too deep")
            if stack:
                stack[-1].children.append(element)
            if not empty:
                stack.append(element)
            elif not stack:
                return element, at
        else:
            end = text.find("<", at)
            if end < 0 or not stack:
                raise malformed("the XML ends inside an element, or begins with text")
            stack[-1].children.append(_unescaped(text[at:end]))
            at = end


def _opened(text: str, at: int, scope: dict[str, str]) -> tuple[Element, int, bool]:
    match = _OPEN.match(text, at)
    if match is None:
        raise malformed("the XML holds something that is not an element", why=f"at {text[at : at + 20]!r}")
    namespaces: dict[str, str] = {}
    attributes: list[tuple[str, str, str]] = []
    for prefix, local, double, single in _ATTRIBUTE.findall(match[3]):
        value = double or single
        if "\n" in value or "\t" in value:
            raise malformed("an XML attribute holds a line break or a tab")
        if prefix == "xmlns" or (not prefix and local == "xmlns"):
            _declare(namespaces, local if prefix else "", _unescaped(value))
        else:
            attributes.append((prefix, local, _unescaped(value)))
    within = {**scope, **namespaces}
    _check_names(match[1] or "", attributes, within)
    element = Element(
        prefix=match[1] or "",
        local=match[2],
        attributes=tuple(attributes),
        namespaces=namespaces,
        scope=within,
        children=[],
    )
    return element, match.end(), bool(match[4])


def _declare(namespaces: dict[str, str], prefix: str, uri: str) -> None:
    if prefix in namespaces or prefix in ("xml", "xmlns") or (prefix and not uri):
        raise malformed(f"the XML declares the namespace {prefix or 'default'} twice or wrongly")
    if not _URI.fullmatch(uri):  # other canonicalisers write some characters here unescaped
        raise malformed(f"the XML's namespace {prefix or 'default'} has characters that no manifest needs")
    namespaces[prefix] = uri


def _check_names(prefix: str, attributes: list[tuple[str, str, str]], scope: dict[str, str]) -> None:
    if len(attributes) > ATTRIBUTES_MAX:
        raise malformed(f"an XML element has {len(attributes)} attributes")
    undeclared = [
        each for each in (prefix, *(attribute[0] for attribute in attributes)) if each and each not in scope
    ]
    if undeclared:
        raise malformed(f"the XML uses the namespace {undeclared[0]!r} without declaring it")
    names = [(scope[before] if before else "", local) for before, local, _ in attributes]
    if len(set(names)) != len(names):
        raise malformed("an XML element has an attribute twice")


def _unescaped(text: str) -> str:
    def one(match: re.Match[str]) -> str:
        if match[1] is None:
            raise malformed("the XML holds an entity that is not one of the five named ones")
        return _ENTITIES[match[1]]

    return _ENTITY.sub(one, text) if "&" in text else text


def canonical(element: Element, *, without: Element | None = None) -> bytes:
    """Canonical XML of one element and what is in it, as if cut out of its document; `without` is left out.

    An element cut out keeps every namespace that was in force around it.
    """
    out: list[str] = []
    _write(out, element, {}, without)
    return "".join(out).encode("utf-8")


def _write(out: list[str], element: Element, written: dict[str, str], without: Element | None) -> None:
    name = f"{element.prefix}:{element.local}" if element.prefix else element.local
    out.append(f"<{name}")
    declared = {
        prefix: uri for prefix, uri in element.scope.items()
        if written.get(prefix, "" if not prefix else None) != uri
    }  # fmt: skip
    for prefix in sorted(declared):
        out.append(f' xmlns{":" + prefix if prefix else ""}="{_escaped_attribute(declared[prefix])}"')
    ordered = sorted(
        element.attributes, key=lambda each: (element.scope[each[0]] if each[0] else "", each[1])
    )
    for prefix, local, value in ordered:
        out.append(f' {prefix + ":" if prefix else ""}{local}="{_escaped_attribute(value)}"')
    out.append(">")
    inner = {**written, **declared}
    for child in element.children:
        if isinstance(child, str):
            out.append(_escaped_text(child))
        elif child is not without:
            _write(out, child, inner, without)
    out.append(f"</{name}>")


def _escaped_text(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _escaped_attribute(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
