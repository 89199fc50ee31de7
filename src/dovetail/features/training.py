"""Training sets: the features of each question as they were known when it was asked.

The one public function of the offline side. Every row of the questions comes back, in
order, duplicates and all; nothing that was not yet known at the time of the question is
used; the rules are those that the online store answers by.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from dovetail.base.extras import require
from dovetail.features import planning, second
from dovetail.features.asof import coded, latest
from dovetail.features.catalog import Definitions, joined
from dovetail.features.errors import DefinitionError, RowsError
from dovetail.features.figures import windows
from dovetail.features.frames import Tables, microseconds
from dovetail.features.ondemand import ASKED, OnDemandView
from dovetail.features.planning import Read
from dovetail.features.views import FeatureService, LatestView, Selection, WindowView

if TYPE_CHECKING:
    import polars as pl


def training_set(
    entities: "pl.DataFrame",
    service: str | FeatureService | Sequence[str],
    definitions: Definitions,
    *,
    asked: str = "asked_at",
    full_feature_names: bool = False,
    frames: "Mapping[str, pl.DataFrame] | None" = None,
    versions: Mapping[str, int] | None = None,
    engine: str = "polars",
) -> "pl.DataFrame":
    """Add the features of a service to questions, each as of the time it was asked.

    Args:
        entities: One row a question, with the join keys and the time it was asked; other
            columns, such as the label, pass through.
        service: A feature service, its name, or Feast's references (`"view:feature"`).
        definitions: Where the views and services are defined.
        asked: Column that tells when a question was asked.
        full_feature_names: Name features `view__feature`, as Feast does.
        frames: Frames to use in place of the tables of the sources they name.
        versions: Version to read of a Delta source, by its name.
        engine: `polars`, or `duckdb`, which gives the same.

    Returns:
        The rows of `entities` in their order with one column a feature added.

    Raises:
        RowsError: A key or the time column is missing, or has another type than the source.
        DefinitionError: Two features, or a feature and a column, would have one name.

    Examples:
        >>> import polars as pl
        >>> from datetime import datetime
        >>> from dovetail.features import Entity, FeatureService, LatestView, PushSource, collect
        >>> weather = PushSource("weather", event_time="hour")
        >>> sky = LatestView(
        ...     "sky", entities=[Entity("origin")], source=weather, features=["temp"], ttl="3h"
        ... )
        >>> hours = [datetime(2013, 4, 1, h) for h in (5, 6)]
        >>> seen = pl.DataFrame({"origin": ["JFK"] * 2, "hour": hours, "temp": [40.1, 41.0]})
        >>> asked = pl.DataFrame({"origin": ["JFK"], "asked_at": [datetime(2013, 4, 1, 5, 30)]})
        >>> flights = FeatureService("flights", [sky])
        >>> training_set(asked, flights, collect([flights]), frames={"weather": seen})["temp"][0]
        40.1
    """
    require("polars", extra="features", feature="building training sets")
    selections = chosen(service, definitions)
    named = labels(selections, full_feature_names)
    if clash := [name for name in named if name in entities.columns]:
        raise DefinitionError(
            f"The questions already have columns named {clash}",
            fix="Rename them, or pass full_feature_names=True",
        )
    _check_questions(entities, selections, asked)
    at = entities.select(microseconds(entities, asked).alias("at")).to_series()
    tables = Tables(definitions.root, frames or {}, versions or {})
    if engine not in ("polars", "duckdb"):
        raise DefinitionError(f"There is no engine {engine!r}", fix="Use polars or duckdb")
    read = second.read if engine == "duckdb" else _read
    found = read(planning.reads(selections), tables, entities, at)
    features: list[pl.Series] = []
    for part in selections:
        if isinstance(part.view, OnDemandView):
            features += _computed(part, found, entities, at)
        else:
            features += [found[part.view.name, f] for f in part.features]
    return entities.with_columns(
        series.alias(name) for name, series in zip(named, features, strict=True)
    )


def _read(
    parts: Sequence[Read], tables: Tables, entities: "pl.DataFrame", at: "pl.Series"
) -> "dict[tuple[str, str], pl.Series]":
    """Read the features of views, by view and feature."""
    sources, wanted = joined(part.view for part in parts), _columns(parts)
    found: dict[tuple[str, str], pl.Series] = {}
    for part in parts:
        name = part.view.source.name
        rows = tables.events(sources[name], wanted[name])
        answers = answer(part, rows, entities, at)
        found.update(zip(((part.view.name, f) for f in part.features), answers, strict=True))
    return found


def _computed(
    part: Selection,
    found: "Mapping[tuple[str, str], pl.Series]",
    entities: "pl.DataFrame",
    at: "pl.Series",
) -> "list[pl.Series]":
    """Compute what is asked of an on-demand view."""
    import polars as pl

    view = part.view
    assert isinstance(view, OnDemandView)
    rows = pl.DataFrame([found[view.taken[name]].alias(name) for name in view.used])
    columns = [entities[name] for name in view.request if name in entities.columns]
    if ASKED in view.request and ASKED not in entities.columns:
        columns.append(at.cast(pl.Datetime("us", "UTC")).alias(ASKED))
    if len(columns) < len(view.request):
        missing = [n for n in view.request if n not in {c.name for c in columns}]
        raise RowsError(
            f"The questions lack {missing}, which on-demand view {view.name!r} needs",
            fix=f"They have {entities.columns}",
        )
    rows = rows.with_columns(columns) if rows.width else pl.DataFrame(columns)
    answers = dict(zip(view.feature_names, view.frame(rows), strict=True))
    return [answers[f] for f in part.features]


def answer(
    part: Read, rows: "pl.DataFrame", questions: "pl.DataFrame", at: "pl.Series"
) -> "list[pl.Series]":
    """Answer one view for questions asked at `at` (microseconds) from prepared rows."""
    view = part.view
    if view.condition is not None:
        rows = rows.filter(view.condition.over(rows.schema))
    held, codes = coded(rows, questions, view.keys)
    if isinstance(view, WindowView):
        return windows(view, part.features, held, codes, at)
    if isinstance(view, LatestView):
        return latest(view, part.features, held, codes, at)
    raise DefinitionError(f"View {view.name!r} is of no kind that can be joined")


def chosen(
    service: str | FeatureService | Sequence[str], definitions: Definitions
) -> tuple[Selection, ...]:
    """Return what a service, its name or a list of references takes."""
    if isinstance(service, FeatureService):
        return service.selections
    if isinstance(service, str):
        return definitions.service(service).selections
    return definitions.select(service)


def labels(selections: Sequence[Selection], full_feature_names: bool) -> list[str]:
    """Return the output name of each feature, and refuse two of one name.

    Raises:
        DefinitionError: Two features would have one name.
    """
    names = [
        f"{part.view.name}__{feature}" if full_feature_names else feature
        for part in selections
        for feature in part.features
    ]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DefinitionError(
            f"More than one feature is named {', '.join(twice)}",
            fix="Ask with full_feature_names, or name the aggregations",
        )
    return names


def _columns(selections: Sequence[Read]) -> dict[str, tuple[str, ...]]:
    """Return the columns that the selected views read of each source."""
    wanted: dict[str, dict[str, None]] = {}
    for part in selections:
        wanted.setdefault(part.view.source.name, {}).update(dict.fromkeys(part.view.columns))
    return {source: tuple(columns) for source, columns in wanted.items()}


def _check_questions(entities: "pl.DataFrame", selections: Sequence[Selection], asked: str) -> None:
    keys = dict.fromkeys(key for part in selections for key in part.view.keys)
    if missing := [c for c in (*keys, asked) if c not in entities.columns]:
        raise RowsError(
            f"The questions lack the columns {missing}", fix=f"They have {entities.columns}"
        )
