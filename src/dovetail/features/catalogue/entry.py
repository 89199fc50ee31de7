"""The features of some definitions, one by one: what a person can find and take up again."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from dovetail.features.catalog import Definitions
from dovetail.features.catalogue.meaning import Meaning, meaning_of
from dovetail.features.errors import FeatureNotFoundError
from dovetail.features.ondemand import OnDemandView
from dovetail.features.views import FeatureGroup, View, WindowView

__all__ = ["Entry", "entries", "entry_of"]


@dataclass(frozen=True)
class Entry:
    """One feature.

    Attributes:
        view: Name of its view.
        name: Name of the feature.
        kind: `latest`, `windows` or `on demand`.
        meaning: What it means.
        keys: The join keys of the view.
        source: Name of the source; of an on-demand view, the views that it is computed of.
        table: The table behind the source; empty where there is none.
        owner: Who answers for it: of the view, or else of its source.
        description: What it is: of the view, or else of its source.
        tags: Tags of the source, the entities and the view.
        services: Names of the services that take it, or what is computed of it when asked.
    """

    view: str
    name: str
    kind: str
    meaning: Meaning
    keys: tuple[str, ...]
    source: str
    table: str
    owner: str
    description: str
    tags: Mapping[str, str]
    services: tuple[str, ...]

    @property
    def reference(self) -> str:
        """The feature as Feast refers to it, `view:feature`."""
        return f"{self.view}:{self.name}"

    @property
    def href(self) -> str:
        """The page about it."""
        return f"/features/views/{quote(self.view, safe='')}/{quote(self.name, safe='')}"


def entries(definitions: Definitions) -> tuple[Entry, ...]:
    """Return the features of all views and on-demand views, in their order."""
    services: dict[str, list[str]] = {}
    for service in definitions.services.values():
        for part in service.selections:
            for feature in part.features:
                for needed in (f"{part.view.name}:{feature}", *_inputs(part.view, feature)):
                    services.setdefault(needed, []).append(service.name)
    groups = (*definitions.views.values(), *definitions.on_demand.values())
    return tuple(
        _entry(view, name, tuple(dict.fromkeys(services.get(f"{view.name}:{name}", ()))))
        for view in groups
        for name in view.feature_names
    )


def entry_of(definitions: Definitions, view: str, feature: str) -> Entry:
    """Return one feature.

    Raises:
        ViewNotFoundError: There is no such view.
        FeatureNotFoundError: The view has no such feature.
    """
    group = definitions.group(view)
    for entry in entries(definitions):
        if (entry.view, entry.name) == (view, feature):
            return entry
    raise FeatureNotFoundError(
        f"View {view!r} has no feature {feature!r}", fix=f"It has: {', '.join(group.feature_names)}"
    )


def _inputs(view: FeatureGroup, feature: str) -> list[str]:
    """Return the features, as `view:feature`, that a feature is computed of when it is asked."""
    if not isinstance(view, OnDemandView):
        return []
    read = view.expressions.get(feature)
    names = view.used if read is None else read.columns
    return [":".join(view.taken[name]) for name in names if name in view.taken]


def _entry(view: FeatureGroup, name: str, services: tuple[str, ...]) -> Entry:
    meaning = meaning_of(view, name)
    if not isinstance(view, View):
        assert isinstance(view, OnDemandView)
        return Entry(
            view.name,
            name,
            "on demand",
            meaning,
            view.keys,
            ", ".join(dict.fromkeys(part.view.name for part in view.selections)),
            "",
            view.owner,
            view.description,
            view.tags,
            services,
        )
    source = view.source
    tags = dict(source.tags)
    for entity in view.entities:
        tags.update(entity.tags)
    return Entry(
        view.name,
        name,
        "windows" if isinstance(view, WindowView) else "latest",
        meaning,
        view.keys,
        source.name,
        source.path,
        view.owner or source.owner,
        view.description or source.description,
        {**tags, **view.tags},
        services,
    )
