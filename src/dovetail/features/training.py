"""Training sets: the features of each question as they were known when it was asked.

The one public function of the offline side. Every row of the questions comes back, in
order, duplicates and all; nothing that was not yet known at the time of the question is
used; the rules are those that the online store answers by.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from dovetail.base.extras import require
from dovetail.features.catalog import Definitions
from dovetail.features.frames import Tables, microseconds
from dovetail.features.joining import Index, Joiner, named
from dovetail.features.planning import Read
from dovetail.features.views import FeatureService, Selection

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
    names = named(selections, entities.columns, asked, full_feature_names)
    span = entities.select(
        first=microseconds(entities, asked).min(), last=microseconds(entities, asked).max()
    )
    tables = Tables(definitions.root, frames or {}, versions or {}, *span.row(0))
    return Joiner.of(selections, names, asked, tables, engine).join(entities)


def answer(
    part: Read, rows: "pl.DataFrame", questions: "pl.DataFrame", at: "pl.Series"
) -> "list[pl.Series]":
    """Answer one view for questions asked at `at` (microseconds) from prepared rows."""
    return Index.of(part.view, rows).answer(part.features, questions, at)


def chosen(
    service: str | FeatureService | Sequence[str], definitions: Definitions
) -> tuple[Selection, ...]:
    """Return what a service, its name or a list of references takes."""
    if isinstance(service, FeatureService):
        return service.selections
    if isinstance(service, str):
        return definitions.service(service).selections
    return definitions.select(service)
