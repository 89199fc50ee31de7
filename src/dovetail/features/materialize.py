"""Bringing the tables behind sources online.

The same rows may be pushed and materialised in any order and any number of times: events
count once by their id, and a row never replaces a newer one.
"""

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from dovetail.base.extras import require
from dovetail.features.catalog import Definitions
from dovetail.features.errors import RowsError
from dovetail.features.frames import EVENT, KNOWN, Tables
from dovetail.features.online.engine import Engine, chunks
from dovetail.features.online.events import Event
from dovetail.features.sources import Source
from dovetail.features.views import LatestView, View

if TYPE_CHECKING:
    import polars as pl


class Materializer:
    """Reads tables and feeds the online store.

    Args:
        definitions: What is defined.
        engine: The online store.
    """

    def __init__(self, definitions: Definitions, engine: Engine) -> None:
        self._definitions, self._engine = definitions, engine

    def run(self, views: Sequence[str] | None, start: int | None, end: int) -> dict[str, int]:
        """Bring the rows of some views online.

        Args:
            views: Names of views; all that have a table when None.
            start: First event time, in microseconds; None for the end of the last run.
            end: Last event time, in microseconds.

        Returns:
            How many rows were brought, by view.
        """
        chosen = self._chosen(views)
        until = self._engine.materialized()
        tables = Tables(self._definitions.root)
        brought: dict[str, int] = {}
        for view in chosen:
            first = until.get(view.name, 0) if start is None else start
            brought[view.name] = self._bring(tables, view, first, end)
            self._engine.keep_materialized(view.name, end)
        return brought

    def _chosen(self, views: Sequence[str] | None) -> list[View]:
        if views:
            return [self._definitions.view(name) for name in views]
        chosen = [v for v in self._definitions.views.values() if v.source.path]
        if not chosen:
            raise RowsError("No view has a table to materialise")
        return chosen

    def _bring(self, tables: Tables, view: View, start: int, end: int) -> int:
        pl = require("polars", extra="features", feature="materialising")
        source = view.source
        columns = [c for v in self._definitions.views_of(source.name) for c in v.columns]
        rows = tables.events(source, columns)
        rows = rows.filter(pl.col(EVENT).is_between(start, end))
        if isinstance(view, LatestView):
            rows = _last_rows(view, rows)
        count = 0
        for part in chunks(_events(source, rows)):
            if isinstance(view, LatestView):
                count += self._engine.write(view, part).result()
            else:
                count += self._engine.take(source.name, part).result()
        return count


def _last_rows(view: LatestView, rows: "pl.DataFrame") -> "pl.DataFrame":
    """Keep the last row of each key; those before it are history that training reads."""
    order = [EVENT, KNOWN, *view.source.id_columns]
    return (
        rows.drop_nulls(list(view.keys))
        .sort(order, maintain_order=True)
        .unique(list(view.keys), keep="last", maintain_order=True)
    )


def _events(source: Source, rows: "pl.DataFrame") -> Iterator[Event]:
    for row in rows.iter_rows(named=True):
        event_us, known_us = row.pop(EVENT), row.pop(KNOWN)
        times = {source.event_time: event_us, source.known_at: known_us}
        identity = tuple(times[c] if c in times else _plain(row[c]) for c in source.id_columns)
        yield Event(identity, event_us, known_us, {k: _plain(v) for k, v in row.items()})


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime | date) else value
