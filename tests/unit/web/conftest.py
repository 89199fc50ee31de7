from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
import msgspec
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse

from dovetail.web import folders, pages
from dovetail.web.charts import Chart, Event, Mark, Series
from dovetail.web.serve import serve_in_thread

ATTACK = '"><script>alert(1)</script><img src=x onerror=alert(1)>'
TEMPLATE = """{% extends "web/page.html" %}
{% block main %}
{% call ui.figures() %}{{ ui.figure("Rows", count | number, ATTACK) }}{% endcall %}
{{ ui.table(columns, rows, "Runs", command="dovetail tracking run") }}
{{ ui.badge(ATTACK, "warn") }}{{ ui.facts([("Name", ATTACK)]) }}{{ ui.empty(ATTACK, ATTACK) }}
{{ ui.problem(ATTACK, ATTACK, [ATTACK]) }}
{{ ui.links([{"href": "/x", "text": ATTACK, "note": ""}]) }}
{{ ui.chart(chart) }}{{ ui.timeline(events, ATTACK) }}{{ ui.code(ATTACK) }}
{{ ui.links([{"href": "javascript:alert(1)", "text": "x", "note": ""}]) }}
{{ ui.figure("x", 1, href="javascript:alert(1)") }}
{% endblock %}"""
EVENT = Event(at=datetime(2013, 5, 3, tzinfo=UTC), lane=ATTACK, text=ATTACK, href="javascript:x")
CHART = Chart(
    title=ATTACK,
    x=[0.0, 1.0],
    unit=ATTACK,
    series=[Series(label=ATTACK, values=[1, 2])],
    marks=[Mark(x=0.5, label=ATTACK, href=ATTACK)],
)
COLUMNS = [
    {"key": "name", "title": "Name", "href": "href", "sort": True},
    {"key": "auc", "title": "AUC", "kind": "number", "digits": 3},
]


@dataclass(frozen=True)
class Entry:
    path: str
    title: str


class Shelf(msgspec.Struct):
    count: int
    rows: list[dict[str, object]]


def shelf(request: Request) -> Shelf | RedirectResponse:
    if request.query_params.get("away"):
        return RedirectResponse("/elsewhere")
    return Shelf(count=1234, rows=[{"name": ATTACK, "auc": 0.70321, "href": "/x"}])


def make_app() -> Starlette:
    def view(request: Request) -> dict[str, object] | RedirectResponse:
        made = shelf(request)
        if not isinstance(made, Shelf):
            return made
        return {
            "count": made.count,
            "rows": made.rows,
            "columns": COLUMNS,
            "ATTACK": ATTACK,
            "chart": CHART,
            "events": [EVENT],
        }

    app = Starlette(
        routes=[
            *pages.page_route("/", shelf, template="stall/plain.html", title="Start"),
            *pages.page_route(
                "/stall/{name}", view, template="stall/full.html", title="Stall", refresh=10
            ),
            *pages.routes(),
        ]
    )
    app.state.nav = [Entry("/", "Start"), Entry("/stall", "Stall"), Entry("/serving", "Serving")]
    return app


@pytest.fixture
def stall(tmp_path: Path) -> Iterator[Path]:
    """A piece from outside the package, with a template and a script of its own."""
    templates = tmp_path / "templates" / "stall"
    templates.mkdir(parents=True)
    (templates / "full.html").write_text(TEMPLATE)
    (templates / "plain.html").write_text(
        '{% extends "web/page.html" %}{% block main %}<p>{{ count }}</p>{% endblock %}'
    )
    (tmp_path / "static").mkdir()
    (tmp_path / "static" / "own.js").write_text("own();\n")
    (tmp_path / "secret.js").write_text("// not to be served\n")
    pages.register("stall", tmp_path)
    yield tmp_path
    del folders._named["stall"]


@pytest.fixture
def client(stall: Path) -> Iterator[httpx.Client]:
    with (
        serve_in_thread(make_app()) as server,
        httpx.Client(base_url=server.url, headers={"Accept-Encoding": "gzip"}) as client,
    ):
        yield client
