"""Our definitions as Feast's registry, for its SDK.

Feast gives every column a type, ours take what rows hold; types are read from the tables behind
the sources, then from rows that are online.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from dovetail.base.extras import require
from dovetail.features.aggregations import Count
from dovetail.features.catalog import Definitions
from dovetail.features.errors import RowsError, SourceNotFoundError
from dovetail.features.extremes import CountDistinct, First
from dovetail.features.online.online import Online
from dovetail.features.reading import scan
from dovetail.features.sources import Source
from dovetail.features.views import Entity, LatestView, View, WindowView
from dovetail.wire.feast_registry import (
    RegisteredColumn,
    RegisteredService,
    RegisteredSource,
    RegisteredView,
    Registry,
)

__all__ = ["registry_of"]

TEXT, WHOLE, REAL, TRUTH = 2, 4, 5, 7
_PYTHON: Mapping[type, int] = {str: TEXT, bool: TRUTH, int: WHOLE, float: REAL}

Types = dict[str, int]


def registry_of(definitions: Definitions, project: str, engine: Online | None = None) -> Registry:
    """Describe definitions as Feast would.

    Args:
        definitions: What is defined.
        project: Name of the project in Feast's sense.
        engine: The online store, whose rows tell types where no table does.
    """
    tables = {
        name: _table_types(source, definitions) for name, source in definitions.sources.items()
    }
    views = {
        view.name: _view(
            view, definitions, {**_held_types(view, engine), **tables[view.source.name]}
        )
        for view in definitions.views.values()
    }
    columns = {name: {c.name: c for c in view.features} for name, view in views.items()}
    services = [
        RegisteredService(
            name=service.name,
            features=[
                (part.view.name, _chosen(columns.get(part.view.name, {}), part.features))
                for part in service.selections
            ],
        )
        for service in definitions.services.values()
    ]
    return Registry(project=project, views=list(views.values()), services=services)


def _chosen(
    columns: Mapping[str, RegisteredColumn], features: Sequence[str]
) -> list[RegisteredColumn]:
    """Return columns by name; what is computed on demand has no view there, and is a number."""
    return [columns.get(name, RegisteredColumn(name, REAL)) for name in features]


def _view(view: View, definitions: Definitions, types: Types) -> RegisteredView:
    source = view.source
    known = source.known_at if source.known_at != source.event_time else ""
    types = {**types, **_derived_types(source)}
    if isinstance(view, WindowView):
        types = {**types, **_window_types(view, types)}
    return RegisteredView(
        name=view.name,
        entities=[
            (name, RegisteredColumn(key, types.get(key, TEXT)))
            for entity in view.entities
            for name, key in _keys(entity)
        ],
        features=[RegisteredColumn(f, types.get(f, REAL)) for f in view.feature_names],
        ttl_us=view.ttl_us if isinstance(view, LatestView) else 0,
        source=RegisteredSource(
            name=source.name,
            path=str(definitions.root / source.path) if source.path else f"{source.name}.parquet",
            event_time=source.event_time,
            known_at=known,
        ),
        is_pushed=isinstance(view, LatestView),
        description=str(getattr(view, "description", "") or ""),
        owner=str(getattr(view, "owner", "") or ""),
    )


def _keys(entity: Entity) -> Iterable[tuple[str, str]]:
    """Feast's entities have one join key each."""
    if len(entity.join_keys) == 1:
        return [(entity.name, entity.join_keys[0])]
    return [(key, key) for key in entity.join_keys]


def _window_types(view: WindowView, types: Types) -> Types:
    found: Types = {}
    for a in view.aggregations:
        kind = WHOLE if isinstance(a, Count | CountDistinct) else REAL
        if isinstance(a, First):  # and Last, which is one too
            kind = types.get(a.column, REAL)
        found.update(dict.fromkeys((f"{a.stem}_{w.name}" for w in view.spans), kind))
    return found


def _derived_types(source: Source) -> Types:
    kinds = {"number": REAL, "boolean": TRUTH, "text": TEXT, "time": TEXT}
    return {n: kinds[e.kind] for n, e in source.expressions.items() if e.kind in kinds}


def _table_types(source: Source, definitions: Definitions) -> Types:
    if not source.path:
        return {}
    pl = require("polars", extra="features", feature="reading the types of columns")
    try:
        schema = scan(source, definitions.root).collect_schema()
    except (RowsError, SourceNotFoundError):
        return {}
    kinds: Types = {}
    for name, kind in schema.items():
        if kind.is_integer():
            kinds[name] = WHOLE
        elif kind.is_numeric():
            kinds[name] = REAL
        elif kind == pl.Boolean:
            kinds[name] = TRUTH
        else:
            kinds[name] = TEXT
    return kinds


def _held_types(view: View, engine: Online | None) -> Types:
    """Tell types by a row that is online."""
    sample: Mapping[str, Any] = engine.sample(view.name) if engine is not None else {}
    return {n: _PYTHON[type(v)] for n, v in sample.items() if type(v) in _PYTHON}
