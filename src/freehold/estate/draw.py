"""The map as a picture: vendor, region, silicon, endpoint, model, workload, and a rail of shared services.

Laid out by us: the columns are known, so nothing has to be found but the order within them. Left of the
endpoints everything is a tree and has no crossings; right of them, columns are ordered by barycentre. Above
HOMES_DRAWN_MAX homes, endpoints that differ in nothing that is drawn become one box with a count.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from freehold.estate.catalog import Catalog
from freehold.estate.graph import Graph, bits_of, graph_of
from freehold.estate.model import Estate
from freehold.estate.page import STYLE, esc, html_table
from freehold.estate.page import page as html_page
from freehold.estate.sentence import sentence, service_name, silicon_words, vendor_name
from freehold.estate.survey import Finding
from freehold.types.homes import Home
from freehold.types.names import HomeId, ServiceId, WorkloadId

HOMES_DRAWN_MAX = 60
WORKLOADS_DRAWN_MAX = 60
RAIL_MAX = 15
COLUMNS = ("vendor", "region", "silicon", "endpoint", "model", "workload")
WIDTHS = (112, 132, 128, 206, 160, 186)
GAP_PX = 50
ROW_PX = 32
BOX_PX = 24
TOP_PX = 36
RAIL_COLUMNS = 3
RAIL_ROW_PX = 40
LETTER_PX = 6.6
RAIL_TITLE = "SHARED SERVICES: what more than one home stands on"


class Box(msgspec.Struct):
    """One node of the drawing. `y` is the middle."""

    key: str
    column: int
    text: str
    title: str
    look: str = "box"
    y: float = 0.0


class Drawing(msgspec.Struct):
    boxes: dict[str, Box] = {}
    edges: dict[tuple[str, str], None] = {}  # ordered, each once

    def put(self, box: Box) -> str:
        self.boxes.setdefault(box.key, box)
        return box.key

    def link(self, one: str, other: str) -> None:
        self.edges[one, other] = None

    def column(self, number: int) -> list[Box]:
        return [box for box in self.boxes.values() if box.column == number]


Groups = dict[tuple[str, ...], list[Home]]


def svg(estate: Estate, catalog: Catalog, findings: Mapping[WorkloadId, Finding]) -> str:
    """The picture alone, with its style inside."""
    return _svg(estate, catalog, findings, style=f"<style>{STYLE}</style>") + "\n"


def page(estate: Estate, catalog: Catalog, findings: Mapping[WorkloadId, Finding]) -> str:
    """The picture, the sentences, and the same content as tables for those who do not look at pictures."""
    single = [found.workload for found in findings.values() if found.single_homed]
    lead = f"{len(findings)} workloads on {len(estate.homes)} homes; {len(single)} with a single point."
    rows = [
        (f.workload, f.homes, *(f.counts + (None,) * 3)[:3], f.single_points[:12]) for f in findings.values()
    ]
    homes = [
        (h.id, h.vendor, h.operator, h.region, h.silicon, h.api, h.model, h.tier)
        for h in estate.homes.values()
    ]
    body = [
        *(f'<p class="say">{esc(sentence(found, estate, catalog))}</p>' for found in findings.values()),
        f'<div class="frame">{_svg(estate, catalog, findings, style="")}</div>',
        "<h2>Workloads</h2>",
        html_table(("workload", "homes", "single points", "pairs", "triples", "which"), rows),
        "<h2>Homes</h2>",
        html_table(("home", "vendor", "operator", "region", "silicon", "api", "model", "evidence"), homes),
    ]
    return html_page(f"What {estate.name or 'this estate'} stands on", lead, body)


def _svg(estate: Estate, catalog: Catalog, findings: Mapping[WorkloadId, Finding], *, style: str) -> str:
    graph = graph_of(estate)
    fatal = {point for found in findings.values() for point in found.single_points}
    drawing = _collect(estate, catalog, findings, fatal)
    _place(drawing)
    bottom = max((box.y for box in drawing.boxes.values()), default=TOP_PX) + ROW_PX
    rail = _rail(estate, graph, findings, fatal)
    width = _left(len(COLUMNS) - 1) + WIDTHS[-1] + 2
    height = bottom + 40 + RAIL_ROW_PX * -(-len(rail) // RAIL_COLUMNS)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height:.0f}" '
        f'viewBox="0 0 {width} {height:.0f}" role="img" aria-label="map of {esc(estate.name)}">',
        style,
        *(_head(number, name) for number, name in enumerate(COLUMNS)),
        *(_edge(drawing.boxes[one], drawing.boxes[other]) for one, other in drawing.edges),
        *(_box(box) for box in drawing.boxes.values()),
        f'<text class="head" x="0" y="{bottom + 16:.0f}">{RAIL_TITLE}</text>',
        *_rail_boxes(rail, bottom + 26, width),
        "</svg>",
    ]
    return "\n".join(parts)


def _collect(
    estate: Estate, catalog: Catalog, findings: Mapping[WorkloadId, Finding], fatal: set[str]
) -> Drawing:
    uses: dict[HomeId, list[WorkloadId]] = defaultdict(list)
    barred: set[HomeId] = set()
    for found in findings.values():
        barred.update(found.barred)
        for id in found.homes:
            uses[id].append(found.workload)
    barred -= set(uses)
    drawing = Drawing(boxes={}, edges={})
    names = _workload_names(findings, estate)
    for found in findings.values():
        key, text = names[found.workload]
        look = "single" if found.single_homed else "box"
        drawing.put(Box(key=key, column=5, text=text, title=text, look=look))
    for homes in _grouped(estate, uses).values():
        _add_group(drawing, homes, estate, catalog, uses, barred, fatal, names)
    return drawing


def _grouped(estate: Estate, uses: Mapping[HomeId, list[WorkloadId]]) -> Groups:
    """Homes one by one while they are few; else those alike in all that is drawn together."""
    by: list[Callable[[Home], tuple[str, ...]]] = [
        lambda home: (home.vendor, home.region or "~", home.silicon or "~", home.id),
        lambda home: (
            home.vendor, home.region or "~", home.silicon or "~", home.api or "~", home.model or "~",
            *sorted(uses.get(home.id, ())),
        ),
        lambda home: (home.vendor, home.region or "~", home.model or "~"),
        lambda home: (home.vendor, home.region or "~"),
        lambda home: (home.vendor,),
    ]  # fmt: skip
    groups: Groups = {}
    for key in by:
        groups = {}
        for home in estate.homes.values():
            groups.setdefault(key(home), []).append(home)
        if len(groups) <= HOMES_DRAWN_MAX:
            break
    return dict(sorted(groups.items()))


def _workload_names(
    findings: Mapping[WorkloadId, Finding], estate: Estate
) -> dict[WorkloadId, tuple[str, str]]:
    """Box key and text of each workload; above the limit, those on the same vendors share a box."""
    if len(findings) <= WORKLOADS_DRAWN_MAX:
        return {id: (f"w:{id}", str(id)) for id in findings}
    groups: dict[tuple[object, ...], list[WorkloadId]] = {}
    for found in findings.values():
        vendors = tuple(sorted({estate.homes[id].vendor for id in found.homes}))
        groups.setdefault((found.single_homed, vendors), []).append(found.workload)
    return {
        id: (f"w:{number}", f"{len(ids)} workloads")
        for number, ids in enumerate(groups.values())
        for id in ids
    }


def _add_group(
    drawing: Drawing,
    homes: Sequence[Home],
    estate: Estate,
    catalog: Catalog,
    uses: Mapping[HomeId, list[WorkloadId]],
    barred: set[HomeId],
    fatal: set[str],
    names: Mapping[WorkloadId, tuple[str, str]],
) -> None:
    one = homes[0]
    regions = {home.region for home in homes}
    chips = {home.silicon for home in homes}
    region = (
        "unknown"
        if regions == {None}
        else one.region or ""
        if len(regions) == 1
        else f"{len(regions)} regions"
    )
    vendor = drawing.put(
        Box(key=f"v:{one.vendor}", column=0, text=vendor_name(one.vendor, catalog), title=one.vendor,
            look=_look(f"operator.{one.vendor}" in fatal, False))
    )  # fmt: skip
    place = drawing.put(
        Box(key=f"r:{one.vendor}:{region}", column=1, text=region, title=f"{one.vendor} {region}",
            look=_look(f"{one.vendor}.{region}" in fatal, one.region is None))
    )  # fmt: skip
    chip = "unknown" if one.silicon is None else silicon_words(one.silicon, catalog)
    chip = chip if len(chips) == 1 else f"{len(chips)} kinds"
    silicon = drawing.put(
        Box(key=f"s:{one.vendor}:{region}:{chip}", column=2, text=chip, title=chip,
            look=_look(f"silicon.{one.silicon}" in fatal, one.silicon is None))
    )  # fmt: skip
    text = one.id if len(homes) == 1 else f"{len(homes)} endpoints"
    look = "barred" if all(home.id in barred for home in homes) else _look(f"home.{one.id}" in fatal, False)
    end = drawing.put(Box(key=f"h:{one.id}", column=3, text=text, title=_home_title(homes), look=look))
    drawing.link(vendor, place)
    drawing.link(place, silicon)
    drawing.link(silicon, end)
    _add_right(drawing, end, homes, uses, names)


def _add_right(
    drawing: Drawing,
    end: str,
    homes: Sequence[Home],
    uses: Mapping[HomeId, list[WorkloadId]],
    names: Mapping[WorkloadId, tuple[str, str]],
) -> None:
    """A model's box is split by the workloads it serves, so that every path through it is a real one."""
    for home in homes:
        users = sorted({names[id][0] for id in uses.get(home.id, ())})
        name = home.model or ("compute" if home.api is None else "unknown")
        apart = "|".join(users) or home.vendor  # what nobody uses stays near its vendor
        model = drawing.put(Box(key=f"m:{name}:{apart}", column=4, text=name, title=name))
        drawing.link(end, model)
        for user in users:
            drawing.link(model, user)


def _home_title(homes: Sequence[Home]) -> str:
    told = "; ".join(f"{home.id}: {home.api or 'compute'}, operated by {home.operator}" for home in homes[:8])
    return told + (f"; and {len(homes) - 8} more" if len(homes) > 8 else "")


def _look(single: bool, unknown: bool) -> str:
    return "single" if single else "unknown" if unknown else "box"


def _place(drawing: Drawing) -> None:
    """Endpoints in tree order; to the left the middle of the children, to the right the barycentre."""
    for row, box in enumerate(drawing.column(3)):
        box.y = TOP_PX + ROW_PX * (row + 0.5)
    for column in (2, 1, 0):
        for box in drawing.column(column):
            box.y = _middle(drawing.boxes[to].y for one, to in drawing.edges if one == box.key)
        _spread(drawing.column(column))
    for column in (4, 5):
        for box in drawing.column(column):
            box.y = _middle(drawing.boxes[one].y for one, to in drawing.edges if to == box.key)
        _spread(drawing.column(column))


def _middle(places: Iterable[float]) -> float:
    known = list(places)
    return sum(known) / len(known) if known else TOP_PX + ROW_PX / 2


def _spread(boxes: list[Box]) -> None:
    """At least a row apart, in order, and as near to where they want to be as that allows."""
    ordered = sorted(boxes, key=lambda box: (box.y, box.key))
    lowest = TOP_PX + ROW_PX / 2
    for box in ordered:
        box.y = max(box.y, lowest)
        lowest = box.y + ROW_PX


def _left(column: int) -> int:
    return sum(WIDTHS[:column]) + GAP_PX * column


def _head(number: int, name: str) -> str:
    return f'<text class="head" x="{_left(number)}" y="14">{name.upper()}</text>'


def _edge(one: Box, other: Box) -> str:
    x1, x2 = _left(one.column) + WIDTHS[one.column], _left(other.column)
    bend = (x2 - x1) / 2
    return (
        f'<path class="edge" d="M{x1} {one.y:.1f}C{x1 + bend:.0f} {one.y:.1f} {x2 - bend:.0f} {other.y:.1f} '
        f'{x2} {other.y:.1f}"/>'
    )


def _box(box: Box) -> str:
    x, y, width = _left(box.column), box.y - BOX_PX / 2, WIDTHS[box.column]
    mark, indent = "", 8
    if box.look == "single":
        mark = f'<path class="mark" d="M{x + 8} {box.y + 4.5:.1f}l5 -9l5 9z"/>'
        indent = 24
    elif box.look == "barred":
        mark = f'<path class="barredmark" d="M{x + 8} {box.y - 1.5:.1f}h10v3h-10z"/>'
        indent = 24
    text = fitted(box.text, width - indent - 6)
    radius = 12 if box.column == 5 else 4
    return (
        f"<g><title>{esc(box.title)}</title>"
        f'<rect class="{box.look}" x="{x}" y="{y:.1f}" width="{width}" height="{BOX_PX}" rx="{radius}"/>'
        f'{mark}<text x="{x + indent}" y="{box.y + 4:.1f}">{esc(text)}</text></g>'
    )


def fitted(text: str, width_px: float) -> str:
    """Cut in the middle: the ends of ids are what tells them apart."""
    most = max(4, int(width_px / LETTER_PX))
    if len(text) <= most:
        return text
    head = (most - 1) // 2
    return f"{text[:head]}\u2026{text[len(text) - (most - 1 - head) :]}"


class RailItem(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    words: str
    single: bool


def _rail(
    estate: Estate, graph: Graph, findings: Mapping[WorkloadId, Finding], fatal: set[str]
) -> list[RailItem]:
    """Services under more than one home, single points first, then by how much stands on them."""
    under: dict[ServiceId, int] = defaultdict(int)
    for home in estate.homes:
        for node in bits_of(graph.events[graph.home(home)]):
            if graph.kinds[node] == "service":
                under[ServiceId(graph.names[node])] += 1
    shared = [id for id, count in under.items() if count > 1]
    shared.sort(key=lambda id: (id not in fatal, estate.services[id].kind == "region", -under[id], id))
    items = []
    for id in shared[:RAIL_MAX]:
        killed = [found.workload for found in findings.values() if id in found.single_points]
        words = f"{estate.services[id].kind}, under {under[id]} homes"
        if killed:
            more = f" and {len(killed) - 2} more" if len(killed) > 2 else ""
            words = f"alone takes down {', '.join(killed[:2])}{more}"
        items.append(RailItem(name=service_name(id, estate), words=words, single=id in fatal))
    if len(shared) > RAIL_MAX:
        items.append(RailItem(name=f"{len(shared) - RAIL_MAX} more", words="see the tables", single=False))
    return items


def _rail_boxes(items: Sequence[RailItem], top: float, width: int) -> Iterable[str]:
    each = (width - 12 * (RAIL_COLUMNS - 1)) / RAIL_COLUMNS
    for number, item in enumerate(items):
        x = (number % RAIL_COLUMNS) * (each + 12) + 0.5
        y = top + number // RAIL_COLUMNS * RAIL_ROW_PX
        mark = f'<path class="mark" d="M{x + 8:.1f} {y + 18:.1f}l5 -9l5 9z"/>' if item.single else ""
        look, left = ("single", x + 24) if item.single else ("box", x + 8)
        name, words = esc(fitted(item.name, each - 34)), esc(fitted(item.words, each - 30))
        yield (
            f"<g><title>{esc(item.name)}: {esc(item.words)}</title>"
            f'<rect class="{look}" x="{x:.1f}" y="{y:.1f}" width="{each - 1:.1f}" height="34" rx="4"/>{mark}'
            f'<text x="{left:.1f}" y="{y + 14:.1f}">{name}</text>'
            f'<text class="small" x="{left:.1f}" y="{y + 28:.1f}">{words}</text></g>'
        )
