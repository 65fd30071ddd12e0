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
    for heading in ("Cost by vendor", "Where each workload runs", "Headroom", "What an outage leaves"):
        assert heading in text
    assert text.count("<svg") == 4
    assert all(rule.words in text for rule in plan.rules)


def test_report_draws_what_is_left_of_each_workload(planned: Planner) -> None:
    plan = planned().plan
    text = report(plan, "shop")
    loss = next(one for one in plan.losses if one.left.get("search", 1.0) < 1.0)
    told = f"search after the loss of {loss.kind} {loss.name}: {100 * loss.left['search']:.0f} %"
    assert told in text


def test_report_marks_what_keeps_too_little(planned: Planner) -> None:
    plan = planned().plan
    bad = msgspec.structs.replace(plan.losses[0], left={"chat": 0.1}, broken=("chat",))
    assert "10 % too little" in report(msgspec.structs.replace(plan, losses=(bad,)), "shop")


def test_report_cuts_a_long_name_and_keeps_it_in_its_title(planned: Planner) -> None:
    plan, name = planned().plan, "w" * 60
    long = msgspec.structs.replace(plan.workloads[0], workload=name)
    text = report(msgspec.structs.replace(plan, workloads=(long,)), "shop")
    assert f"<title>{name}</title>" in text
    assert f">{'w' * 33}…<" in text


def test_report_escapes_names_from_the_estate(planned: Planner) -> None:
    plan = planned().plan
    bad = msgspec.structs.replace(plan.placements[0], workload="<script>x</script>", place='a"b<c')
    text = report(msgspec.structs.replace(plan, placements=(bad, *plan.placements[1:])), "<b>shop</b>")
    assert "<script>x" not in text
    assert "<b>shop" not in text


def test_report_says_what_is_not_served(planned: Planner) -> None:
    plan = planned(("requests_per_min = 900", "requests_per_min = 200")).plan
    assert "Not served" in report(plan, "shop")
