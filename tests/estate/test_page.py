"""Pages: everything is escaped, the policy admits one style sheet and nothing else, a real browser agrees."""

from __future__ import annotations

import base64
import datetime
import hashlib
import re
import shutil
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import pytest

from freehold.estate.catalog import Catalog
from freehold.estate.draw import HOMES_DRAWN_MAX, page, svg
from freehold.estate.drill import play
from freehold.estate.graph import graph_of
from freehold.estate.model import Estate
from freehold.estate.page import STYLE
from freehold.estate.scenario import of_class, of_incident
from freehold.estate.survey import survey
from freehold.estate.timeline import clock_words, drill_page, moment_words
from tests.estate.conftest import Read

CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
LOADING = {"script", "img", "iframe", "link", "object", "embed", "form", "base", "image", "use"}
NASTY = '"><script>alert(1)</script>&\\u0007'
TODAY = datetime.date(2026, 11, 20)


def map_page(estate: Estate, catalog: Catalog) -> str:
    return page(estate, catalog, survey(estate, graph_of(estate)))


def drills_page(estate: Estate, catalog: Catalog) -> str:
    graph = graph_of(estate)
    scenarios = [of_incident(one, estate, graph) for one in catalog.incidents.values()]
    scenarios += [one for kind in catalog.classes.values() for one in of_class(kind, estate, graph, catalog)]
    return drill_page([play(one, estate, graph) for one in scenarios], estate)


class Seen(HTMLParser):
    """Tags, and every attribute that could load, run or style something."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.risky: list[tuple[str, str]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, _ in attrs:
            if name in ("src", "href", "style", "action", "srcset", "data", "xlink:href") or name[:2] == "on":
                self.risky.append((tag, name))


@pytest.mark.parametrize("make", [map_page, drills_page])
def test_page_runs_and_loads_nothing(example: tuple[Estate, Catalog], make: object) -> None:
    seen = Seen(make(*example))  # type: ignore[operator]
    assert seen.risky == []
    assert not seen.tags & {
        "script",
        "img",
        "iframe",
        "link",
        "object",
        "embed",
        "form",
        "base",
        "image",
        "use",
    }


def test_policy_admits_exactly_the_style_that_is_there(example: tuple[Estate, Catalog]) -> None:
    text = map_page(*example)
    digest = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)
    assert policy and "default-src 'none'" in policy[1] and f"'sha256-{digest}'" in policy[1]
    assert "unsafe" not in policy[1]
    assert text.count("<style>") == 1


def nasty(read: Read) -> tuple[Estate, Catalog]:
    return read(
        f'[services.s]\nname = "{NASTY[1:]}"\nkind = "edge"\n'.replace("\\u0007", "\\\\u0007")
        + '[homes.h]\nvendor = "<b>v</b>"\nregion = "<i>r</i>"\nsilicon = "<u>c</u>"\nchips = 1\n'
        'operator = "<s>o</s>"\nneeds = ["s"]\n[homes.i]\nvendor = "<b>v</b>"\nchips = 1\nneeds = ["s"]\n'
        '[workloads.w]\nhomes = ["h", "i"]\nrequests_per_min = 3\n'
    )


def test_names_from_a_file_are_escaped(read: Read) -> None:
    estate, catalog = nasty(read)
    for text in (map_page(estate, catalog), drills_page(estate, catalog)):
        seen = Seen(text)
        assert not seen.tags & {"script", "i", "u", "s"}
        assert "<b>v</b>" not in text and "<script>alert" not in text


def test_svg_is_well_formed_by_itself(example: tuple[Estate, Catalog]) -> None:
    estate, catalog = example
    root = ElementTree.fromstring(svg(estate, catalog, survey(estate, graph_of(estate))))
    assert root.tag.endswith("svg")


def test_single_point_is_told_by_shape_and_not_by_colour_alone(example: tuple[Estate, Catalog]) -> None:
    estate, catalog = example
    text = svg(estate, catalog, survey(estate, graph_of(estate)))
    assert text.count('class="single"') == text.count('class="mark"') > 0


def many(read: Read, homes: int) -> tuple[Estate, Catalog]:
    text = "".join(
        f'[homes.home-{n}]\nvendor = "{("aws", "google", "azure")[n % 3]}"\nregion = "r{n % 7}"\napi = "x"\n'
        f'model = "m{n % 4}"\n'
        for n in range(homes)
    )
    pairs = [(n, (n * 7 + 1) % homes) for n in range(homes)]
    work = "".join(f'[workloads.work-{n}]\nhomes = ["home-{n}", "home-{o}"]\n' for n, o in pairs)
    return read(text + work)


@pytest.mark.parametrize("homes", [HOMES_DRAWN_MAX, 400])
def test_drawing_holds_at_most_so_many_boxes(read: Read, homes: int) -> None:
    estate, catalog = many(read, homes)
    text = svg(estate, catalog, survey(estate, graph_of(estate)))
    assert ("endpoints</text>" in text) is (homes > HOMES_DRAWN_MAX)
    assert text.count("<rect") < 400


def test_boxes_of_one_column_do_not_overlap(read: Read) -> None:
    estate, catalog = many(read, HOMES_DRAWN_MAX)
    places: dict[str, list[float]] = {}
    text = svg(estate, catalog, survey(estate, graph_of(estate))).partition("SHARED SERVICES")[0]
    for x, y in re.findall(r'<rect class="\w+" x="(\d+)" y="([\d.]+)"', text):
        places.setdefault(x, []).append(float(y))
    for column in places.values():
        ordered = sorted(column)
        assert all(lower - upper >= 24 for upper, lower in pairwise(ordered))


def test_page_in_a_real_browser_reports_nothing_and_fetches_nothing(
    example: tuple[Estate, Catalog], tmp_path: Path
) -> None:
    sync = pytest.importorskip("playwright.sync_api", reason="the package playwright is not installed")
    if shutil.which(CHROMIUM) is None:
        pytest.skip(f"no {CHROMIUM}: apt-get install chromium")
    said: list[str] = []
    with sync.sync_playwright() as browsers:
        browser = browsers.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        for number, text in enumerate((map_page(*example), drills_page(*example))):
            file = tmp_path / f"{number}.html"
            file.write_text(text, encoding="utf-8")
            seen = browser.new_page()
            seen.on("console", lambda message: said.append(message.text))
            seen.on(
                "request", lambda request: said.append(request.url) if request.url[:5] != "file:" else None
            )
            seen.goto(file.as_uri())
            assert seen.locator("svg").first.bounding_box()["width"] > 600
            assert seen.evaluate("getComputedStyle(document.querySelector('h1')).fontSize") == "22px"
        browser.close()
    assert [one for one in said if not one.startswith("file:")] == []


@pytest.mark.parametrize(
    ("minutes", "words"),
    [(0, "0 min"), (45, "45 min"), (172, "2 h 52"), (480, "8 h"), (40320, "28 d"), (3000, "2 d 2 h")],
)
def test_clock_words_are_what_people_say(minutes: float, words: str) -> None:
    assert clock_words(minutes) == words


def test_moments_are_told_by_the_clock_where_it_is_recorded() -> None:
    assert moment_words(172, "2025-10-20T06:48Z") == "09:40"
    assert moment_words(1100, "2025-10-20T06:48Z") == "01:08 (+1 d)"
    assert moment_words(90, "2023-06-13") == "+1 h 30"
