"""Pages to find a feature and to judge it: what it means, holds, is like, and who uses it."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

import msgspec
from starlette.requests import Request
from starlette.routing import Route

from dovetail.features.catalogue import Catalogue, Entry, FeatureProfile, Profiles, Used
from dovetail.features.errors import RowsError
from dovetail.features.moments import moment
from dovetail.features.windows import DAY_US
from dovetail.web import pages
from dovetail.web.svg import Edge, Node

__all__ = ["Drawn", "FoundLine", "drawn", "feature_href", "feature_routes", "found_line"]

DAYS = 30
MOST_DAYS = 3650


class FoundLine(msgspec.Struct, frozen=True, kw_only=True):
    """A feature in a list, with its statistics where they were computed."""

    reference: str
    name: str
    href: str
    view: str
    view_href: str
    kind: str
    means: str
    keys: str
    source: str
    owner: str
    description: str
    tags: dict[str, str]
    services: list[str]
    profile: FeatureProfile | None
    like: str
    like_href: str
    how: str


class AlikeLine(msgspec.Struct, frozen=True):
    """A feature that says the same as another, or nearly."""

    feature: str
    href: str
    how: str
    rows: int | None
    spearman: float | None
    pearson: float | None


class Drawn(msgspec.Struct, frozen=True):
    """Where features come from and who uses them, to be drawn."""

    nodes: list[Node]
    edges: list[Edge]
    problem: str | None


class FeaturePage(msgspec.Struct, frozen=True):
    """The page `/features/views/{view}/{feature}`."""

    line: FoundLine
    alike: list[AlikeLine]
    lineage: Drawn
    asked: int | None
    last_asked: datetime | None
    problem: str | None


class UnusedLine(msgspec.Struct, frozen=True):
    """A feature that nobody takes."""

    feature: str
    href: str
    means: str
    owner: str
    why: str


class UnusedPage(msgspec.Struct, frozen=True):
    """The page `/features/unused`."""

    days: int
    since: datetime | None
    is_short: bool
    features: int
    unused: list[UnusedLine]


class PairLine(msgspec.Struct, frozen=True):
    """Two features that say the same, and how alike they are."""

    one: str
    one_href: str
    other: str
    other_href: str
    how: str


class TwinsPage(msgspec.Struct, frozen=True):
    """The page `/features/twins`."""

    features: int
    pairs: list[PairLine]
    problem: str | None


def feature_routes(catalogue: Catalogue, now_us: Callable[[], int]) -> list[Route]:
    """Return the routes of the page about one feature, and of those about unused and alike ones.

    Args:
        catalogue: What is defined.
        now_us: Gives the time in microseconds.
    """

    def feature_page(request: Request) -> FeaturePage:
        """One feature: what it means, its statistics, what is like it, who uses it."""
        return feature_of(catalogue, request.path_params["view"], request.path_params["feature"])

    def unused_page(request: Request) -> UnusedPage:
        """Features that are in no service, or in services that nobody asked for `days` days."""
        return unused_of(catalogue, now_us(), _days(request.query_params.get("days", "")))

    def twins_page(_: Request) -> TwinsPage:
        """Features that say the same: defined alike, equal, or highly correlated."""
        return twins_of(catalogue)

    return [
        *pages.page_route(
            "/features/twins",
            twins_page,
            template="features/twins.html",
            title="Features that say the same",
        ),
        *pages.page_route(
            "/features/unused",
            unused_page,
            template="features/unused.html",
            title="Unused features",
        ),
        *pages.page_route(
            "/features/views/{view}/{feature}",
            feature_page,
            template="features/feature.html",
            title=lambda page: page.line.name,
        ),
    ]


def feature_of(catalogue: Catalogue, view: str, feature: str) -> FeaturePage:
    """Return what is known of one feature.

    Raises:
        ViewNotFoundError: There is no such view.
        FeatureNotFoundError: The view has no such feature.
    """
    entry = catalogue.entry(view, feature)
    profiles, problem = catalogue.profiles()
    used = catalogue.used() or Used()
    uses = [used.services.get(name) for name in entry.services]
    uses.append(used.features.get(entry.reference))
    last_us = max((use.last_us for use in uses if use), default=0)
    return FeaturePage(
        line=found_line(catalogue, entry, profiles),
        alike=_alike(catalogue, entry, profiles),
        lineage=drawn(catalogue, [entry]),
        asked=sum(use.asked for use in uses if use) if used.since_us else None,
        last_asked=moment(last_us) if last_us else None,
        problem=problem,
    )


def drawn(catalogue: Catalogue, features: Sequence[Entry]) -> Drawn:
    """Return where features come from and who uses them."""
    (nodes, edges), problem = catalogue.lineage(features)
    return Drawn(nodes, edges, problem)


def unused_of(catalogue: Catalogue, now_us: int, days: int) -> UnusedPage:
    """Return the features that nobody took for some days."""
    used = catalogue.used()
    since_us = used.since_us if used else 0
    lines = [
        UnusedLine(e.entry.reference, e.entry.href, e.entry.meaning.text, e.entry.owner, e.why)
        for e in catalogue.unused(now_us, days * DAY_US)
    ]
    return UnusedPage(
        days=days,
        since=moment(since_us) if since_us else None,
        is_short=since_us > now_us - days * DAY_US,
        features=len(catalogue.entries),
        unused=lines,
    )


def twins_of(catalogue: Catalogue) -> TwinsPage:
    """Return all pairs of features that say the same, the most alike first."""
    profiles, problem = catalogue.profiles()
    known = {entry.reference for entry in catalogue.entries}
    alike = [(group[0], other) for group in catalogue.defined_alike for other in group[1:]]
    found = {frozenset(pair): (*pair, "defined alike") for pair in alike}
    for twin in profiles.twins:
        if twin.one in known and twin.other in known:  # else it was when statistics were computed
            found.setdefault(frozenset((twin.one, twin.other)), (twin.one, twin.other, twin.said))
    return TwinsPage(
        features=len(known),
        pairs=[
            PairLine(one, feature_href(one), other, feature_href(other), how)
            for one, other, how in found.values()
        ],
        problem=problem,
    )


def _days(text: str) -> int:
    if not text:
        return DAYS
    if not (text.isdecimal() and text.isascii() and len(text) < 6 and 0 < int(text) <= MOST_DAYS):
        raise RowsError(
            f"days={text[:40]!r} is no number of days", fix=f"Give a whole number up to {MOST_DAYS}"
        )
    return int(text)


def found_line(catalogue: Catalogue, entry: Entry, profiles: Profiles) -> FoundLine:
    """Return a feature as a line of a list, with what is most like it."""
    alike = _alike(catalogue, entry, profiles)
    closest = alike[0] if alike else None
    return FoundLine(
        reference=entry.reference,
        name=entry.name,
        href=entry.href,
        view=entry.view,
        view_href="" if entry.kind == "on demand" else f"/features/views/{quote(entry.view)}",
        kind=entry.kind,
        means=entry.meaning.text,
        keys=", ".join(entry.keys),
        source=entry.source,
        owner=entry.owner,
        description=entry.description,
        tags=dict(entry.tags),
        services=list(entry.services),
        profile=profiles.of(entry.reference),
        like=closest.feature if closest else "",
        like_href=closest.href if closest else "",
        how=closest.how if closest else "",
    )


def feature_href(reference: str) -> str:
    """Return the page of a feature that is given as `view:feature`."""
    view, _, feature = reference.partition(":")
    return f"/features/views/{quote(view, safe='')}/{quote(feature, safe='')}"


def _alike(catalogue: Catalogue, entry: Entry, profiles: Profiles) -> list[AlikeLine]:
    """Return what says the same: by definition first, then in the training set."""
    known = {other.reference for other in catalogue.entries}
    found: dict[str, Any] = {
        other: AlikeLine(other, feature_href(other), "defined alike", None, None, None)
        for other in catalogue.alike(entry.reference)
    }
    for twin in profiles.twins_of(entry.reference):
        if twin.other not in known:
            continue  # it was defined when the statistics were computed
        how = "defined alike" if twin.other in found else twin.said
        found[twin.other] = AlikeLine(
            twin.other, feature_href(twin.other), how, twin.rows, twin.spearman, twin.pearson
        )
    return list(found.values())
