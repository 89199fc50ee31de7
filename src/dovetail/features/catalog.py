"""The definitions of one file, found by name.

A definitions file is ordinary Python, as Feast's is: every view, source and service at
its top level counts. It is code of the operator and is run; nothing that arrives over the
network can name or change it.
"""

import runpy
import traceback
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from dovetail.base.errors import DovetailError
from dovetail.features.errors import (
    DefinitionError,
    FeatureNotFoundError,
    ServiceNotFoundError,
    SourceNotFoundError,
    ViewNotFoundError,
)
from dovetail.features.ondemand import OnDemandView
from dovetail.features.sources import Source
from dovetail.features.views import FeatureGroup, FeatureService, Selection, View

if TYPE_CHECKING:
    from dovetail.features.applied.versions import Versions

T = TypeVar("T")


@dataclass(frozen=True)
class Definitions:
    """Views, sources and services by name.

    Attributes:
        views: Views by name.
        services: Feature services by name.
        root: Folder that relative paths of sources start from.
        on_demand: On-demand views by name.
        versions: Which versions of services were applied; None to look in the registry that
            the settings name.
    """

    views: Mapping[str, View]
    services: Mapping[str, FeatureService]
    root: Path = Path()
    on_demand: Mapping[str, OnDemandView] = field(default_factory=dict)
    versions: "Versions | None" = field(default=None, compare=False)

    @cached_property
    def sources(self) -> Mapping[str, Source]:
        """The sources of all views, by name."""
        return joined(self.views.values())

    def view(self, name: str) -> View:
        """Return the view of this name, or raise ViewNotFoundError."""
        if (view := self.views.get(name)) is None:
            raise ViewNotFoundError(f"Feature view {name} does not exist", fix=_known(self.views))
        return view

    def group(self, name: str) -> FeatureGroup:
        """Return the view or on-demand view of this name, or raise ViewNotFoundError."""
        return self.on_demand.get(name) or self.view(name)

    def service(self, name: str) -> FeatureService:
        """Return the service of this name, or of `name@version`.

        Raises:
            ServiceNotFoundError: There is no such service, or no such version.
            VersionNotLoadedError: What is loaded differs from the version.
        """
        if (service := self.services.get(name)) is None:
            if "@" in name:
                from dovetail.features.applied.versions import at_version

                return at_version(self, name)
            raise ServiceNotFoundError(
                f"Feature service {name} does not exist", fix=_known(self.services)
            )
        return service

    def source(self, name: str) -> Source:
        """Return the source of this name, or raise SourceNotFoundError."""
        if (source := self.sources.get(name)) is None:
            raise SourceNotFoundError(
                f"Push source {name} does not exist", fix=_known(self.sources)
            )
        return source

    def views_of(self, source: str) -> tuple[View, ...]:
        """Return the views that the source feeds."""
        return tuple(v for v in self.views.values() if v.source.name == source)

    def select(self, features: Sequence[str]) -> tuple[Selection, ...]:
        """Turn Feast's references, `view:feature`, into selections.

        Raises:
            ViewNotFoundError: A reference names no view.
            FeatureNotFoundError: A reference is malformed or names no feature.
        """
        chosen: dict[str, list[str]] = {}
        for reference in features:
            view, colon, feature = reference.partition(":")
            if not colon:
                raise FeatureNotFoundError(
                    f"{reference!r} does not name a feature", fix="Write view:feature"
                )
            chosen.setdefault(self.group(view).name, []).append(feature)
        return tuple(Selection(self.group(v), tuple(names)) for v, names in chosen.items())


def collect(things: Iterable[object], *, root: Path | str = ".") -> Definitions:
    """Gather views and services among things; a service brings its views along.

    Args:
        things: Any objects; what is not a view or a service is passed over.
        root: Folder that relative paths of sources start from.

    Raises:
        DefinitionError: Two different things have one name.
    """
    groups: dict[str, FeatureGroup] = {}
    services: dict[str, FeatureService] = {}

    def add(group: FeatureGroup) -> None:
        _add(groups, group.name, group)
        for part in group.selections if isinstance(group, OnDemandView) else ():
            add(part.view)

    for thing in things:
        if isinstance(thing, FeatureGroup):
            add(thing)
        elif isinstance(thing, FeatureService):
            _add(services, thing.name, thing)
            for part in thing.selections:
                add(part.view)
    definitions = Definitions(
        {n: g for n, g in groups.items() if isinstance(g, View)},
        services,
        Path(root),
        {n: g for n, g in groups.items() if isinstance(g, OnDemandView)},
    )
    _ = definitions.sources
    return definitions


def load(path: Path | str, *, root: Path | str | None = None) -> Definitions:
    """Run a definitions file and gather what it defines.

    Args:
        path: The Python file. It is code and is trusted.
        root: Folder that relative paths of sources start from; the file's own by default.

    Raises:
        DefinitionError: There is no such file, it fails, or it defines nothing.
    """
    path = Path(path)
    if not path.is_file():
        raise DefinitionError(
            f"There is no definitions file {path}",
            fix="Set [features] definitions in dovetail.toml",
        )
    try:
        names = runpy.run_path(str(path))
    except DovetailError:
        raise
    except Exception as error:
        raise DefinitionError(
            f"The definitions file {path} fails", why=_blame(path, error)
        ) from error
    definitions = collect(names.values(), root=path.parent if root is None else root)
    if not definitions.views and not definitions.on_demand:
        raise DefinitionError(f"{path} defines no view", fix="Put a LatestView or WindowView in it")
    return definitions


def joined(views: Iterable[View]) -> dict[str, Source]:
    """Return the sources of views by name, each with what any of its views derives.

    Raises:
        DefinitionError: Two different sources have one name, or one view derives a column that
            another reads as it is brought.
    """
    found: dict[str, Source] = {}
    views = list(views)
    for view in views:
        source = view.source
        held = found.setdefault(source.name, source)
        if replace(held, derive={}) != replace(source, derive={}):
            raise DefinitionError(f"Two different sources are called {source.name!r}")
        found[source.name] = held.deriving(source.derive)
    for view in views:
        read = view.source.brought((*view.columns, *view.source.derive))
        if clash := [c for c in read if c in found[view.source.name].derive]:
            raise DefinitionError(
                f"View {view.name!r} reads the column {clash[0]!r} of source {view.source.name!r}, "
                f"which another view derives",
                fix="Give the derived column a name of its own",
            )
    return found


def _add(table: dict[str, T], name: str, thing: T) -> None:
    if table.setdefault(name, thing) != thing:
        raise DefinitionError(f"Two different definitions are called {name!r}")


def _blame(path: Path, error: Exception) -> str:
    """Say what failed, and in which line of the file."""
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == str(path)]
    line = error.lineno if isinstance(error, SyntaxError) else (lines or [None])[-1]
    said = f"{type(error).__name__}: {error}"
    return f"line {line}: {said}" if line else said


def _known(table: Mapping[str, object]) -> str:
    return f"Known: {', '.join(table)}" if table else "None is defined"
