from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser

import msgspec

from freehold.plan.report import report
from tests.plan.conftest import Planner


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))


def test_report_is_self_contained_and_its_policy_admits_its_style_only(planned: Planner) -> None:
    text = report(planned().plan, "shop")
    tags = Tags()
    tags.feed(text)
    assert not {"script", "link", "img", "iframe", "object"} & {tag for tag, _ in tags.seen}
    assert not any(name in attrs for _, attrs in tags.seen for name in ("src", "href", "onclick", "style"))
    style = re.search(r"<style>(.*?)</style>", text, re.DOTALL)
    assert style
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert f"default-src 'none'; style-src 'sha256-{digest}'" in text


def test_report_shows_every_picture_and_the_price_of_each_rule(planned: Planner) -> None:
    plan = planned().plan
    text = report(plan, "shop")
    for heading in ("Cost by vendor", "Where each workload runs", "Headroom", "What a loss leaves"):
        assert heading in text
    assert text.count("<svg") == 3
    assert all(rule.words in text for rule in plan.rules)


def test_report_escapes_names_from_the_estate(planned: Planner) -> None:
    plan = planned().plan
    bad = msgspec.structs.replace(plan.placements[0], workload="<script>x</script>", place='a"b<c')
    text = report(msgspec.structs.replace(plan, placements=(bad, *plan.placements[1:])), "<b>shop</b>")
    assert "<script>x" not in text
    assert "<b>shop" not in text


def test_report_says_what_is_not_served(planned: Planner) -> None:
    plan = planned(("requests_per_min = 900", "requests_per_min = 200")).plan
    assert "Not served" in report(plan, "shop")
