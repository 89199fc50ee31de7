"""Bringing the tables behind sources online, piece by piece.

The same rows may be pushed and materialised in any order and any number of times: events count
once by their id, and a row never replaces a newer one. So a run that was killed goes on where it
stood, and a table that changed since is read again from its start.
"""

import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from dovetail.base import telemetry
from dovetail.base.extras import require
from dovetail.features.catalog import Definitions
from dovetail.features.errors import RowsError
from dovetail.features.frames import EVENT, KNOWN, prepared
from dovetail.features.moments import moment_us
from dovetail.features.online.batches import batch_of
from dovetail.features.online.events import Event, chunks
from dovetail.features.online.online import Online
from dovetail.features.online.progress import Progress
from dovetail.features.reading import mark, scan, slices
from dovetail.features.sources import Source
from dovetail.features.views import LatestView, View

if TYPE_CHECKING:
    import polars as pl

log = telemetry.logger("features")
PIECE = 50_000


class Materializer:
    """Reads tables and feeds the online store.

    Args:
        definitions: What is defined.
        engine: The online store.
        piece: Rows of a table that are read at a time.
    """

    def __init__(self, definitions: Definitions, engine: Online, piece: int = PIECE) -> None:
        self._definitions, self._engine, self._piece = definitions, engine, piece
        self._one = threading.Lock()

    def run(self, views: Sequence[str] | None, start: int | None, end: int) -> dict[str, int]:
        """Bring the rows of some views online.

        Args:
            views: Names of views; all that have a table when None.
            start: First event time, in microseconds; None for what the last run did not see:
                rows that happened or became known since, or all rows again where a table without
                a time of knowing has changed.
            end: Last event time, in microseconds.

        Returns:
            How many rows were brought, by view.
        """
        chosen = self._chosen(views)
        with self._one:
            return {view.name: self._bring(view, start, end) for view in chosen}

    def _chosen(self, views: Sequence[str] | None) -> list[View]:
        if views:
            return [self._definitions.view(name) for name in views]
        chosen = [v for v in self._definitions.views.values() if v.source.path]
        if not chosen:
            raise RowsError("No view has a table to materialise")
        return chosen

    def _bring(self, view: View, start: int | None, end: int) -> int:
        held = self._engine.progress().get(view.name)
        now = mark(view.source, self._definitions.root)
        brought = 0
        if held is not None and held.state != "done" and start is None:
            brought = self._go_on(view, replace(held, mark=now) if held.mark != now else held, held)
        wanted = self._wanted(view, start, end, now)
        return brought + self._go_on(view, wanted, held)

    def _wanted(self, view: View, start: int | None, end: int, now: str) -> Progress:
        """Return the run that is asked for, at its start."""
        since = 0
        if start is None:
            done = self._engine.progress().get(view.name)
            since = self._engine.materialized().get(view.name, 0)
            tells = view.source.known_at != view.source.event_time
            if not tells and (done is None or done.mark != now or not now):
                since = 0  # rows that came late cannot be told from those that were there
        first = start if start is not None else 0
        return Progress(view.name, first, end, since, now, 0, 0, 0, "running", self._time())

    def _go_on(self, view: View, wanted: Progress, held: Progress | None) -> int:
        """Do a run, from where it stood if it was begun before."""
        if held is not None and held.state != "done" and wanted.is_same(held):
            wanted = held
        table = scan(view.source, self._definitions.root)
        pl = require("polars", extra="features", feature="materialising")
        total = int(table.select(pl.len()).collect().item())
        wanted = replace(wanted, total=total, state="running")
        before = wanted.rows
        try:
            for position, piece in slices(table, wanted.position, self._piece):
                wanted = self._take(view, piece, replace(wanted, position=position))
        except Exception:
            self._note(replace(wanted, state="failed"))
            raise
        self._engine.keep_progress(replace(wanted, state="done", at_us=self._time()))
        self._engine.keep_materialized(view.name, wanted.end_us)
        log.info("materialised", view=view.name, rows=wanted.rows)
        return wanted.rows - before

    def _take(self, view: View, piece: "pl.DataFrame", progress: Progress) -> Progress:
        """Bring one piece online; returns how far that is."""
        pl = require("polars", extra="features", feature="materialising")
        source = self._definitions.sources[view.source.name]
        views = [view] if isinstance(view, LatestView) else self._definitions.views_of(source.name)
        columns = list(dict.fromkeys(c for v in views for c in v.columns))
        if not isinstance(view, LatestView):
            columns = list(dict.fromkeys((*columns, *source.brought(columns))))
        rows = prepared(piece, source, columns)
        if source.event_time:  # rows without one were always known
            rows = rows.filter(
                pl.col(EVENT).is_between(progress.start_us, progress.end_us)
                & (pl.max_horizontal(EVENT, KNOWN) > progress.since_us)
            )
        if isinstance(view, LatestView):
            if view.condition is not None:
                rows = rows.filter(view.condition.over(rows.schema))
            batch = batch_of(view, rows, time.time_ns())
            progress = replace(progress, rows=progress.rows + len(batch), at_us=self._time())
            self._engine.bring(view, batch, progress)
            return progress
        for part in chunks(_events(source, rows)):
            self._engine.take(source.name, part).result()
        progress = replace(progress, rows=progress.rows + rows.height, at_us=self._time())
        self._engine.keep_progress(progress)
        return progress

    def _note(self, progress: Progress) -> None:
        """Remember that a run failed, if the store can be told."""
        try:
            self._engine.keep_progress(progress)
        except Exception as error:
            log.warning("a failed run could not be noted", view=progress.view, error=str(error))

    def _time(self) -> int:
        return moment_us(self._engine.clock.now())


def _events(source: Source, rows: "pl.DataFrame") -> Iterator[Event]:
    for row in rows.iter_rows(named=True):
        event_us, known_us = row.pop(EVENT), row.pop(KNOWN)
        times = {source.event_time: event_us, source.known_at: known_us}
        identity = tuple(times[c] if c in times else _plain(row[c]) for c in source.id_columns)
        yield Event(identity, event_us, known_us, {k: _plain(v) for k, v in row.items()})


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime | date) else value
