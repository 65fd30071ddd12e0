"""The restricted canonicaliser against lxml's, and everything it refuses to read."""

from __future__ import annotations

import contextlib
from xml.sax.saxutils import escape, quoteattr

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from freehold.errors import InputError
from freehold.seal.attest.c14n import Element, canonical, parse_xml

NAMES = st.sampled_from(["a", "b", "Meta", "Hash0", "x-y", "_z"])
PREFIXES = st.sampled_from(["", "p", "q", "ns0"])
URIS = st.sampled_from(["urn:one", "urn:two", "http://x/?a=1#b-2"])
PLAIN = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Zl", "Zp")), max_size=12)


@st.composite
def documents(draw: st.DrawFn, depth: int = 0) -> str:
    """Well-formed documents with namespaces declared, redeclared and undeclared on the way down."""
    scope = {"p": "urn:one", "q": "urn:two", "ns0": "urn:three"} if depth == 0 else {}
    declared = dict(scope)
    for prefix in draw(st.lists(PREFIXES, max_size=2, unique=True)):
        declared[prefix] = draw(URIS)
    prefix, local = draw(PREFIXES), draw(NAMES)
    name = f"{prefix}:{local}" if prefix else local
    attributes = draw(st.dictionaries(NAMES, PLAIN, max_size=3))
    text = "".join(f" xmlns{':' + each if each else ''}={quoteattr(uri)}" for each, uri in declared.items())
    text += "".join(f" {key}={quoteattr(value)}" for key, value in attributes.items())
    inner = draw(st.lists(documents(depth + 1), max_size=2)) if depth < 3 else []
    body = "".join(escape(draw(PLAIN)) + each for each in inner) + escape(draw(PLAIN))
    return f"<{name}{text}>{body}</{name}>" if body else f"<{name}{text}/>"


@given(documents())
def test_c14n_gives_what_lxml_gives(text: str) -> None:
    data = text.encode()
    assert canonical(parse_xml(data)) == etree.tostring(etree.fromstring(data), method="c14n")


@given(documents())
def test_c14n_of_a_part_keeps_the_namespaces_around_it(text: str) -> None:
    ours, theirs = parse_xml(text.encode()), etree.fromstring(text.encode())
    parts = [child for child in ours.children if isinstance(child, Element)]
    for mine, other in zip(parts, theirs, strict=True):
        alone = etree.fromstring(etree.tostring(other, with_tail=False))  # with what was in force around it
        assert canonical(mine) == etree.tostring(alone, method="c14n")


@given(documents())
def test_c14n_is_stable_when_done_twice(text: str) -> None:
    once = canonical(parse_xml(text.encode()))
    assert canonical(parse_xml(once)) == once


@pytest.mark.parametrize(
    "text",
    [
        "",
        "text",
        "<a>",
        "<a></b>",
        "<a/><b/>",
        "<!DOCTYPE a><a/>",
        '<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>',
        "<a>&x;</a>",
        "<a>&#65;</a>",
        "<a>& </a>",
        "<a><!-- c --></a>",
        "<a><?p?></a>",
        "<a><![CDATA[x]]></a>",
        '<a b="1" b="2"/>',
        '<a xmlns:p="u" xmlns:q="u" p:b="1" q:b="2"/>',
        '<a p:b="1"/>',
        "<p:a/>",
        '<a xml:space="preserve"/>',
        '<a xmlns:p=""/>',
        '<a xmlns:p="u" xmlns:p="v"/>',
        '<a b="x\ny"/>',
        "<a>\r</a>",
        "<a>\x00</a>",
        '<a b="<"/>',
        '<?xml version="1.1"?><a/>',
        "<a/>trailing",
        "<a b=1/>",
        "<a b/>",
        '<a xmlns="urn:&amp;"/>',
    ],
)
def test_c14n_refuses_what_no_manifest_needs(text: str) -> None:
    with pytest.raises(InputError):
        parse_xml(text.encode())


def test_c14n_refuses_nesting_without_end() -> None:
    with pytest.raises(InputError, match="nested"):
        parse_xml(b"<a>" * 100_000)


def test_c14n_refuses_text_in_another_encoding() -> None:
    with pytest.raises(InputError, match="UTF-8"):
        parse_xml("<a>ü</a>".encode("latin-1"))


@given(st.text(max_size=60))
def test_c14n_reads_anything_or_raises_its_own_error(text: str) -> None:
    with contextlib.suppress(InputError):
        parse_xml(text.encode("utf-8", "surrogatepass"))
