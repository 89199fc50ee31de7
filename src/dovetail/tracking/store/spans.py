"""Spans in the database, and what is inferred from them of their traces.

A span that is sent twice replaces itself, so an export may be repeated. Rows are prepared outside
of the transaction, because on SQLite all writes wait for one another.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from dovetail.tracking.store.bulk import (
    insert_new,
    insert_or_skip,
    insert_or_update,
    select_for,
    update_one,
)
from dovetail.tracking.store.experiments import Active
from dovetail.tracking.store.traces import LOCATION, SPANS, link, location_of
from dovetail.tracking.store.traces_schema import spans, trace_metadata, trace_tags, traces
from dovetail.wire.otlp import Event, Link, Span

__all__ = ["Incoming", "count_of", "log", "of_traces", "prepare"]

IN_STORE = "TRACKING_STORE"
RUNNING = ("IN_PROGRESS", "STATE_UNSPECIFIED")
_of_traces = sa.select(spans).where(spans.c.trace.in_(sa.bindparam("keys", expanding=True)))
_lock = (
    sa.select(traces)
    .where(traces.c.trace_id.in_(sa.bindparam("traces", expanding=True)))
    .order_by(traces.c.trace_id)
    .with_for_update()
)


class _Content(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a span's row keeps as JSON."""

    attributes: Mapping[str, Any] = msgspec.field(default_factory=dict)
    events: tuple[Event, ...] = ()
    links: tuple[Link, ...] = ()
    message: str = ""
    kind: int = 0


_decoder = msgspec.json.Decoder(_Content)


@dataclass(frozen=True)
class Incoming:
    """Spans of one trace, ready to be inserted, and what they say of it.

    Attributes:
        trace_id: the trace's public id.
        rows: of `spans`, without the trace's key.
        begins_ms: the first span's start.
        ends_ms: the last span's end, None if none has ended.
        values: columns of `traces` that the root span fills.
        tags: set on the trace.
        hints: tags that are set only where there is none yet.
        metadata: set only where there is none yet.
    """

    trace_id: str
    rows: Sequence[tuple[Any, ...]]
    begins_ms: int
    ends_ms: int | None
    values: Mapping[str, Any]
    tags: Mapping[str, str]
    hints: Mapping[str, str]
    metadata: Mapping[str, str]


def prepare(span: Span, kind: str, known: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return the row of a span, without the trace's key.

    Args:
        span: what to keep.
        kind: MLflow's type of span, such as `TOOL`.
        known: attributes that the server sets, whatever was sent.
    """
    attributes = {**span.attributes, **known}
    content = _Content(attributes, span.events, span.links, span.message, span.kind)
    text = msgspec.json.encode(content).decode()
    if "\\u0000" in text:  # PostgreSQL can neither keep nor search it
        text = msgspec.json.encode(_without_nul(msgspec.to_builtins(content))).decode()
    name = span.name.replace("\0", "\ufffd")
    times = (span.start_ns, span.end_ns)
    return (span.span_id, span.parent_id, name, kind, span.status, *times, text)


def _without_nul(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("\0", "\ufffd")
    if isinstance(value, dict):
        return {_without_nul(key): _without_nul(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nul(item) for item in value]
    return value


def log(
    connection: Connection, experiment: Active, arrived: Sequence[Incoming], run_id: str | None
) -> None:
    """Insert spans, making their traces where they are not there yet.

    Args:
        connection: a connection in a transaction.
        experiment: where new traces lie.
        arrived: one for each trace.
        run_id: the run that the traces belong to, if any.
    """
    ordered = sorted(arrived, key=lambda one: one.trace_id)
    known = _locked(connection, [one.trace_id for one in ordered])
    pairs = [
        (_ensure(connection, experiment, known.get(one.trace_id), one), one) for one in ordered
    ]
    insert_or_update(connection, spans, [(key, *row) for key, one in pairs for row in one.rows])
    _label(connection, experiment, pairs)
    if run_id:
        link(connection, run_id, [one.trace_id for one in ordered])


def _ensure(connection: Connection, experiment: Active, row: Row[Any] | None, one: Incoming) -> int:
    """Make the trace of some spans, or change it by what they say, and return its key."""
    if row is None:
        key = insert_new(connection, traces, _new(one, experiment))
        if key is not None:
            return key
        row = _locked(connection, [one.trace_id])[one.trace_id]
    if changes := _changes(row, one):
        update_one(connection, traces, row.id, changes)
    return int(row.id)


def _locked(connection: Connection, trace_ids: Sequence[str]) -> dict[str, Row[Any]]:
    return {row.trace_id: row for row in select_for(connection, _lock, "traces", trace_ids)}


def _new(one: Incoming, experiment: Active) -> dict[str, Any]:
    lasted = None if one.ends_ms is None else one.ends_ms - one.begins_ms
    return {
        "trace_id": one.trace_id,
        "experiment_id": experiment.experiment_id,
        "timestamp_ms": one.begins_ms,
        "execution_time_ms": lasted,
        "status": "IN_PROGRESS",
        "is_reported": False,
        **one.values,
    }


def _changes(row: Row[Any], one: Incoming) -> dict[str, Any]:
    """Return what the spans of a trace that exists change of it."""
    known = row._mapping
    changes = {n: v for n, v in one.values.items() if n != "status" and known[n] is None}
    if "status" in one.values and row.status in RUNNING:
        changes["status"] = one.values["status"]
    if row.is_reported:
        return changes
    begins = min(row.timestamp_ms, one.begins_ms)
    known_end = None if row.execution_time_ms is None else row.timestamp_ms + row.execution_time_ms
    ends = max((end for end in (known_end, one.ends_ms) if end is not None), default=None)
    changes["timestamp_ms"] = begins
    changes["execution_time_ms"] = None if ends is None else ends - begins
    return changes


def _label(
    connection: Connection, experiment: Active, pairs: Sequence[tuple[int, Incoming]]
) -> None:
    tags = [(key, SPANS, IN_STORE) for key, _ in pairs]
    tags += [(key, name, value) for key, one in pairs for name, value in one.tags.items()]
    insert_or_update(connection, trace_tags, tags)
    hints = [
        (key, LOCATION, location_of(experiment.artifact_location, one.trace_id))
        for key, one in pairs
    ]
    hints += [(key, name, value) for key, one in pairs for name, value in one.hints.items()]
    insert_or_skip(connection, trace_tags, hints)
    inferred = [(key, name, value) for key, one in pairs for name, value in one.metadata.items()]
    insert_or_skip(connection, trace_metadata, inferred)


def of_traces(connection: Connection, trace_ids: Mapping[int, str]) -> dict[int, list[Span]]:
    """Return the spans of traces by their keys: roots first, then by when they began.

    Args:
        connection: where to read.
        trace_ids: the public id of each trace by its key.
    """
    found: dict[int, list[Span]] = defaultdict(list)
    for row in select_for(connection, _of_traces, "keys", list(trace_ids)):
        found[row.trace].append(_span(row, trace_ids[row.trace]))
    for several in found.values():
        several.sort(key=lambda span: (span.parent_id is not None, span.start_ns))
    return found


def _span(row: Row[Any], trace_id: str) -> Span:
    content = _decoder.decode(row.content)
    return Span(
        trace_id=trace_id.removeprefix("tr-"),
        span_id=row.span_id,
        parent_id=row.parent_id,
        name=row.name,
        kind=content.kind,
        start_ns=row.start_ns,
        end_ns=row.end_ns,
        status=row.status,
        message=content.message,
        attributes=content.attributes,
        events=content.events,
        links=content.links,
    )


def count_of(connection: Connection, key: int) -> int:
    """Return how many spans of a trace have arrived."""
    query = sa.select(sa.func.count()).select_from(spans).where(spans.c.trace == key)
    return connection.scalar(query) or 0
