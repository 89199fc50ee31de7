"""What is defined, how fresh it is, and what a model would see of one key right now."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import msgspec
from starlette.requests import Request
from starlette.routing import Route

from dovetail.features.catalogue import Catalogue, Profiles, Used
from dovetail.features.errors import RowsError
from dovetail.features.moments import moment, moment_us, span_text
from dovetail.features.ondemand import OnDemandView
from dovetail.features.online.online import Online
from dovetail.features.online.rows import Row
from dovetail.features.ui.catalogue import Drawn, FoundLine, drawn, feature_routes, found_line
from dovetail.features.views import LatestView, View, WindowView
from dovetail.web import pages


class ViewLine(msgspec.Struct, frozen=True):
    """A view in the list."""

    name: str
    href: str
    kind: str
    keys: str
    features: int
    source: str
    rule: str
    known: int | None


class SourceLine(msgspec.Struct, frozen=True):
    """A source in the list; times are RFC 3339 or null."""

    name: str
    table: str
    views: int
    rows: int
    repeats: int
    last_event: Any
    last_known: Any
    received: Any


class ServiceLine(msgspec.Struct, frozen=True):
    """A feature service in the list."""

    name: str
    features: int
    views: str
    owner: str
    asked: int | None
    last_asked: Any
    models: str


class BroughtLine(msgspec.Struct, frozen=True):
    """How far the table of a view was brought online."""

    view: str
    state: str
    position: int
    total: int
    rows: int
    until: Any
    at: Any


class Overview(msgspec.Struct, frozen=True):
    """The page `/features`."""

    views: list[ViewLine]
    sources: list[SourceLine]
    services: list[ServiceLine]
    brought: list[BroughtLine]
    loaded: bool
    q: str = ""
    found: list[FoundLine] = []
    problem: str | None = None


class FeatureLine(msgspec.Struct, frozen=True):
    """A feature of a view, and its value where a key was asked for."""

    name: str
    value: Any
    status: str | None
    told: FoundLine


class ViewPage(msgspec.Struct, frozen=True):
    """The page `/features/views/{name}`."""

    line: ViewLine
    owner: str
    description: str
    tags: dict[str, str]
    fresh: SourceLine
    lineage: Drawn
    keys: list[str]
    asked: dict[str, str]
    at: str
    features: list[FeatureLine]
    rests_on: Any
    problem: str | None


def page_routes(engine: Online, catalogue: Catalogue) -> list[Route]:
    """Return the routes of the pages and their JSON twins."""

    def overview(request: Request) -> Overview:
        """What is defined and how fresh it is; features found by the words in `q`."""
        return overview_of(engine, catalogue, request.query_params.get("q", ""))

    def view_page(request: Request) -> ViewPage:
        """One view: its definition, and what it answers for given keys."""
        query = dict(request.query_params)
        return view_of(engine, catalogue, request.path_params["name"], query)

    return [
        *pages.page_route(
            "/features", overview, template="features/overview.html", title="Features", refresh=10
        ),
        *pages.page_route(
            "/features/views/{name}",
            view_page,
            template="features/view.html",
            title=lambda page: page.line.name,
        ),
        *feature_routes(catalogue, lambda: moment_us(engine.clock.now())),
    ]


def overview_of(engine: Online, catalogue: Catalogue, words: str = "") -> Overview:
    """Return what is defined and how fresh it is, and the features that words find."""
    definitions = engine.definitions
    profiles, problem = catalogue.profiles() if words else (Profiles(), None)
    found = catalogue.found(words) if words else []
    sources = [_source(engine, name) for name in engine.freshness()]
    known = engine.known()
    views = [_line(view, known) for view in definitions.views.values()]
    views += [_computed(view) for view in definitions.on_demand.values()]
    return Overview(
        views,
        sources,
        [] if words else _services(catalogue),
        _brought(engine),
        engine.loaded,
        words,
        [found_line(catalogue, entry, profiles) for entry in found],
        problem,
    )


def _services(catalogue: Catalogue) -> list[ServiceLine]:
    used = catalogue.used() or Used()
    users, _ = catalogue.users(catalogue.definitions.services)
    lines = []
    for name, service in catalogue.definitions.services.items():
        use = used.services.get(name)
        lines.append(
            ServiceLine(
                name=name,
                features=sum(len(part.features) for part in service.selections),
                views=", ".join(dict.fromkeys(part.view.name for part in service.selections)),
                owner=service.owner,
                asked=(use.asked if use else 0) if used.since_us else None,
                last_asked=_time(use.last_us) if use else None,
                models=", ".join(use.model for use in users[name]),
            )
        )
    return lines


def _source(engine: Online, name: str) -> SourceLine:
    source, fresh = engine.definitions.sources[name], engine.freshness()[name]
    return SourceLine(
        name=name,
        table=source.path,
        views=len(engine.definitions.views_of(name)),
        rows=fresh.rows,
        repeats=fresh.repeats,
        last_event=_time(fresh.last_event_us),
        last_known=_time(fresh.last_known_us),
        received=_time(fresh.received_us),
    )


def _brought(engine: Online) -> list[BroughtLine]:
    return [
        BroughtLine(p.view, p.state, p.position, p.total, p.rows, _time(p.end_us), _time(p.at_us))
        for p in engine.progress().values()
    ]


def view_of(engine: Online, catalogue: Catalogue, name: str, query: dict[str, str]) -> ViewPage:
    """Return a view, with the values of a key where the query names one."""
    view = engine.definitions.view(name)
    asked = {key: query[key] for key in view.keys if query.get(key)}
    row, problem = None, None
    if len(asked) == len(view.keys):
        try:
            row = _look_up(engine, view, asked, query.get("as_of", ""))
        except RowsError as error:
            problem = str(error)
    profiles, unread = catalogue.profiles()
    entries = [entry for entry in catalogue.entries if entry.view == name]
    features = [
        FeatureLine(
            entry.name,
            row.values[at] if row else None,
            row.statuses[at] if row else None,
            found_line(catalogue, entry, profiles),
        )
        for at, entry in enumerate(entries)
    ]
    return ViewPage(
        line=_line(view, engine.known()),
        owner=entries[0].owner,
        description=entries[0].description,
        tags=dict(entries[0].tags),
        fresh=_source(engine, view.source.name),
        lineage=drawn(catalogue, entries),
        keys=list(view.keys),
        asked=asked,
        at=query.get("as_of", ""),
        features=features,
        rests_on=_time(row.event_us) if row else None,
        problem=problem or unread,
    )


def _look_up(engine: Online, view: View, asked: dict[str, str], as_of: str) -> Row:
    """Answer one key typed by a person: as text, or as the number that it looks like."""
    at = moment_us(as_of or engine.clock.now(), what="as_of")
    texts = [asked[key] for key in view.keys]
    numbers = [int(text) if text.lstrip("-").isdecimal() else text for text in texts]
    found: list[Row] = []
    for values in (texts, numbers):
        key = values[0] if len(values) == 1 else tuple(values)
        found += engine.rows(view.name, [key], at)
    known = [row for row in found if "PRESENT" in row.statuses and any(row.values)]
    return (known or found)[0]


def _line(view: View, known: Mapping[str, int]) -> ViewLine:
    if isinstance(view, WindowView):
        kind = "windows"
        rule = f"{', '.join(w.name for w in view.spans)} in tiles of "
        rule += span_text(view.tile_us)
    else:
        assert isinstance(view, LatestView)
        kind = "latest"
        rule = f"at most {span_text(view.ttl_us)} old" if view.ttl_us else "of any age"
    return ViewLine(
        name=view.name,
        href=f"/features/views/{view.name}",
        kind=kind,
        keys=", ".join(view.keys),
        features=len(view.feature_names),
        source=view.source.name,
        rule=rule,
        known=known.get(view.name, 0),
    )


def _computed(view: OnDemandView) -> ViewLine:
    return ViewLine(
        name=view.name,
        href=f"/features?q={quote(view.name + ':')}",
        kind="on demand",
        keys=", ".join(view.keys),
        features=len(view.feature_names),
        source=", ".join(dict.fromkeys(part.view.name for part in view.selections)),
        rule="computed when asked",
        known=None,
    )


def _time(at: int) -> Any:
    return moment(at) if at else None
