"""Traces of our own store: read for an export and to check an import, written by an import."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from dovetail.base.errors import ConflictError
from dovetail.base.sql import Database
from dovetail.tracking.move.records import Placed, Skip
from dovetail.tracking.move.traces.records import BATCH, TraceRecord
from dovetail.tracking.store import spans, traces
from dovetail.tracking.store.bulk import insert_or_update, select_for
from dovetail.tracking.store.traces_schema import spans as span_table
from dovetail.tracking.store.traces_schema import trace_runs
from dovetail.tracking.store.traces_schema import traces as trace_table
from dovetail.tracking.trace_values import clean, kind_of

__all__ = ["OwnTraceReader", "OwnTraceWriter"]

_linked = sa.select(trace_runs.c.trace_id, trace_runs.c.run_id).where(
    trace_runs.c.trace_id.in_(sa.bindparam("traces", expanding=True))
)


class OwnTraceReader:
    """The traces of our own store.

    Args:
        database: its tables.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def traces(self, experiment_id: str, skip: Skip) -> Iterator[list[TraceRecord]]:
        """Yield the traces of an experiment in batches, without those that may be skipped."""
        query = sa.select(trace_table.c.trace_id).where(
            trace_table.c.experiment_id == int(experiment_id)
        )
        listed = self._database.read(lambda c: c.scalars(query).all())
        ids = sorted(one for one in listed if not skip(one))
        for start in range(0, len(ids), BATCH):
            some = ids[start : start + BATCH]
            yield self._database.read(lambda c, some=some: _records(c, some))  # type: ignore[misc]


def _records(c: Connection, ids: Sequence[str]) -> list[TraceRecord]:
    rows = traces.by_ids(c, ids)
    labels = traces.labels_of(c, [row.id for row in rows])
    several = spans.of_traces(c, {row.id: row.trace_id for row in rows})
    linked: dict[str, list[str]] = {}
    for link in select_for(c, _linked, "traces", ids):
        linked.setdefault(link.trace_id, []).append(link.run_id)
    return [
        TraceRecord(
            id=row.trace_id,
            timestamp_ms=row.timestamp_ms,
            execution_time_ms=row.execution_time_ms,
            status=row.status,
            client_request_id=row.client_request_id,
            request_preview=row.request_preview,
            response_preview=row.response_preview,
            tags={**labels[row.id].tags, **({} if row.name is None else {traces.NAME: row.name})},
            metadata=labels[row.id].metadata,
            runs=tuple(linked.get(row.trace_id, ())),
            spans=tuple(several.get(row.id, ())),
        )
        for row in rows
    ]


class OwnTraceWriter:
    """The traces of our own store.

    Args:
        database: its tables.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def uri(self, placed: Placed, trace_id: str) -> str:
        """Return where the files of a trace are to lie."""
        return traces.location_of(placed.location, trace_id)

    def put(self, placed: Placed, records: Sequence[TraceRecord]) -> None:
        """Write traces with their labels, links and spans.

        Raises:
            ConflictError: one of them is there already, in another experiment.
        """
        prepared = [[_row(span) for span in record.spans] for record in records]

        def write(c: Connection) -> None:
            _refuse_others(c, int(placed.id), records)
            for record, rows in zip(records, prepared, strict=True):
                _put(c, int(placed.id), record, rows)

        self._database.write(write)


def _refuse_others(c: Connection, experiment: int, records: Sequence[TraceRecord]) -> None:
    for row in traces.by_ids(c, [one.id for one in records]):
        if row.experiment_id != experiment:
            raise ConflictError(
                f"trace {row.trace_id} is already here, in experiment {row.experiment_id}"
            )


def _row(span: Any) -> tuple[Any, ...]:
    return spans.prepare(span, clean(kind_of(span)), {})


def _put(
    c: Connection, experiment: int, record: TraceRecord, rows: Sequence[tuple[Any, ...]]
) -> None:
    tags: dict[str, str] = dict(record.tags)
    values: Mapping[str, Any] = {
        "trace_id": record.id,
        "experiment_id": experiment,
        "timestamp_ms": record.timestamp_ms,
        "execution_time_ms": record.execution_time_ms,
        "status": record.status,
        "name": tags.pop(traces.NAME, None),
        "client_request_id": record.client_request_id,
        "request_preview": record.request_preview,
        "response_preview": record.response_preview,
        "is_reported": True,
    }
    key = traces.report(c, values, traces.Labels(tags, record.metadata))
    insert_or_update(c, span_table, [(key, *row) for row in rows])
    for run in record.all_runs:
        traces.link(c, run, [record.id])
