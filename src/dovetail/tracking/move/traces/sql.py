"""Traces in MLflow's own database: tables since 2.14, spans in one of them since 3.5."""

import uuid
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from dovetail.base.clock import SystemClock, now_ms
from dovetail.base.errors import ConflictError, InvalidInputError
from dovetail.tracking.move.records import Placed, Skip
from dovetail.tracking.move.sql_put import put_rows
from dovetail.tracking.move.sql_tables import MlflowTables
from dovetail.tracking.move.traces import promoted
from dovetail.tracking.move.traces.records import BATCH, TraceRecord
from dovetail.tracking.paths import append
from dovetail.tracking.store.traces import SPANS
from dovetail.tracking.trace_json import contents, read_contents
from dovetail.tracking.trace_values import kind_of
from dovetail.wire.otlp import InvalidSpans, Span

__all__ = ["SqlTraceReader", "SqlTraceWriter"]

_COLUMNS = (
    *("request_id", "timestamp_ms", "execution_time_ms", "status", "client_request_id"),
    *("request_preview", "response_preview", *promoted.COLUMNS),
)
_STATES = {"UNSPECIFIED": "STATE_UNSPECIFIED", "TRACE_STATUS_UNSPECIFIED": "STATE_UNSPECIFIED"}
_PLACES = ("TRACKING_STORE", "ARTIFACT_REPO", None)


class SqlTraceReader:
    """The traces of a database of MLflow.

    Args:
        tables: the database.
    """

    def __init__(self, tables: MlflowTables) -> None:
        self._tables = tables

    def traces(self, experiment_id: str, skip: Skip) -> Iterator[list[TraceRecord]]:
        """Yield the traces of an experiment in batches, without those that may be skipped."""
        if "experiment_id" not in self._tables.columns.get("trace_info", ()):
            return
        mine = sa.column("experiment_id") == int(experiment_id)
        listed = self._tables.rows(self._tables.select("trace_info", "request_id").where(mine))
        ids = sorted(row[0] for row in listed if not skip(row[0]))
        for start in range(0, len(ids), BATCH):
            yield self._records(ids[start : start + BATCH])

    def _records(self, ids: list[str]) -> list[TraceRecord]:
        tags = self._labels("trace_tags", ids)
        metadata = self._labels("trace_request_metadata", ids)
        kept: dict[str, list[str]] = {}
        for row in self._tables.rows_for("spans", "trace_id", ids, "trace_id", "content"):
            kept.setdefault(row.trace_id, []).append(row.content)
        linked: dict[str, list[str]] = {}
        ends = ("source_id", "source_type", "destination_id", "destination_type")
        for row in self._tables.rows_for("entity_associations", "source_id", ids, *ends):
            if (row.source_type, row.destination_type) == ("trace", "run"):
                linked.setdefault(row.source_id, []).append(row.destination_id)
        return [
            _record(
                row,
                (tags.get(row.request_id, {}), metadata.get(row.request_id, {})),
                linked.get(row.request_id, ()),
                kept.get(row.request_id, ()),
            )
            for row in self._tables.rows_for("trace_info", "request_id", ids, *_COLUMNS)
        ]

    def _labels(self, table: str, ids: list[str]) -> dict[str, dict[str, str]]:
        found: dict[str, dict[str, str]] = {}
        for row in self._tables.rows_for(table, "request_id", ids, "request_id", "key", "value"):
            found.setdefault(row.request_id, {})[row.key] = row.value or ""
        return found


def _record(
    row: Row[Any],
    labels: tuple[dict[str, str], dict[str, str]],
    runs: Sequence[str],
    texts: Sequence[str],
) -> TraceRecord:
    several: list[Span] = []
    fault = ""
    named, counted = promoted.from_columns(row)
    tags = {**labels[0], **named}
    try:
        several = read_contents(texts, row.request_id)
    except InvalidSpans as error:
        fault = str(error)
    place = tags.get(SPANS)
    if not fault and not several and place not in _PLACES:
        fault = f"its spans were moved to {place}, where only MLflow reads them"
    return TraceRecord(
        id=row.request_id,
        timestamp_ms=row.timestamp_ms,
        execution_time_ms=row.execution_time_ms,
        status=_STATES.get(row.status, row.status),
        client_request_id=row.client_request_id,
        request_preview=row.request_preview,
        response_preview=row.response_preview,
        tags=tags,
        metadata={**labels[1], **counted},
        runs=tuple(runs),
        spans=tuple(several),
        fault=fault,
    )


class SqlTraceWriter:
    """The traces of a database of MLflow.

    Args:
        tables: the database, writable.
    """

    def __init__(self, tables: MlflowTables) -> None:
        self._tables = tables

    def uri(self, placed: Placed, trace_id: str) -> str:
        """Return where the files of a trace are to lie."""
        return append(placed.location, "traces", trace_id, "artifacts")

    def put(self, placed: Placed, records: Sequence[TraceRecord]) -> None:
        """Write traces with their labels, links and spans.

        Raises:
            ConflictError: one of them is there already, in another experiment.
            InvalidInputError: this revision of MLflow has no such tables.
        """
        self._check(placed, records)
        ids = [one.id for one in records]
        with self._tables.engine.begin() as c:
            has = self._tables.columns["trace_info"]
            infos = [_info(int(placed.id), one, has) for one in records]
            put_rows(self._tables, c, "trace_info", infos, ("request_id",))
            for table, labels in (
                ("trace_tags", [one.tags for one in records]),
                ("trace_request_metadata", [one.metadata for one in records]),
            ):
                rows = [
                    {"request_id": trace_id, "key": key, "value": value}
                    for trace_id, some in zip(ids, labels, strict=True)
                    for key, value in some.items()
                ]
                put_rows(self._tables, c, table, rows, ("request_id", "key"))
            self._put_spans(c, int(placed.id), records)
            self._link(c, records)

    def _check(self, placed: Placed, records: Sequence[TraceRecord]) -> None:
        if not self._tables.has("trace_info"):
            raise InvalidInputError("this revision of MLflow's database has no traces")
        if not self._tables.has("spans") and any(one.spans for one in records):
            raise InvalidInputError("this revision of MLflow's database has no spans")
        ids = [one.id for one in records]
        query = ("trace_info", "request_id", ids, "request_id", "experiment_id")
        for row in self._tables.rows_for(*query):
            if str(row.experiment_id) != placed.id:
                raise ConflictError(
                    f"trace {row.request_id} is already there, in experiment {row.experiment_id}"
                )

    def _put_spans(self, c: Connection, experiment: int, records: Sequence[TraceRecord]) -> None:
        rows = [
            {
                "trace_id": one.id,
                "experiment_id": experiment,
                "span_id": span.span_id,
                "parent_span_id": span.parent_id,
                "name": span.name,
                "type": kind_of(span),
                "status": span.status,
                "start_time_unix_nano": span.start_ns,
                "end_time_unix_nano": span.end_ns,
                "content": text,
            }
            for one in records
            for span, text in zip(one.spans, contents(one.spans), strict=True)
        ]
        put_rows(self._tables, c, "spans", rows, ("trace_id", "span_id"))

    def _link(self, c: Connection, records: Sequence[TraceRecord]) -> None:
        ends = ("source_type", "source_id", "destination_type", "destination_id")
        now = now_ms(SystemClock())
        rows = [
            {
                **dict(zip(ends, ("trace", one.id, "run", run), strict=True)),
                "association_id": uuid.uuid5(uuid.NAMESPACE_OID, f"{one.id} {run}").hex,
                "created_time": now,
            }
            for one in records
            for run in one.all_runs
        ]
        put_rows(self._tables, c, "entity_associations", rows, ends, replace=False)


def _info(experiment: int, record: TraceRecord, has: Collection[str]) -> dict[str, Any]:
    return {
        "request_id": record.id,
        "experiment_id": experiment,
        "timestamp_ms": record.timestamp_ms,
        "execution_time_ms": record.execution_time_ms,
        "status": record.status,
        "client_request_id": record.client_request_id,
        "request_preview": record.request_preview,
        "response_preview": record.response_preview,
        **promoted.to_columns(record.tags, record.metadata, has),
    }
