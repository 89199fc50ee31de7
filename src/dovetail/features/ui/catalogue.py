"""Pages to find a feature and to judge it: what it means, holds, is like, and who uses it."""

from typing import Any
from urllib.parse import quote

import msgspec
from starlette.requests import Request
from starlette.routing import Route

from dovetail.features.catalogue import Catalogue, Entry, FeatureProfile, Profiles
from dovetail.web import pages

__all__ = ["FoundLine", "feature_href", "feature_routes", "found_line"]


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


class FeaturePage(msgspec.Struct, frozen=True):
    """The page `/features/views/{view}/{feature}`."""

    line: FoundLine
    alike: list[AlikeLine]
    problem: str | None


def feature_routes(catalogue: Catalogue) -> list[Route]:
    """Return the routes of the page about one feature."""

    def feature_page(request: Request) -> FeaturePage:
        """One feature: what it means, its statistics, what is like it, who uses it."""
        return feature_of(catalogue, request.path_params["view"], request.path_params["feature"])

    return pages.page_route(
        "/features/views/{view}/{feature}",
        feature_page,
        template="features/feature.html",
        title=lambda page: page.line.name,
    )


def feature_of(catalogue: Catalogue, view: str, feature: str) -> FeaturePage:
    """Return what is known of one feature.

    Raises:
        ViewNotFoundError: There is no such view.
        FeatureNotFoundError: The view has no such feature.
    """
    entry = catalogue.entry(view, feature)
    profiles, problem = catalogue.profiles()
    line = found_line(catalogue, entry, profiles)
    return FeaturePage(line, _alike(catalogue, entry, profiles), problem)


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
