"""Traces in the database: recorded, labelled, linked to runs, deleted.

What MLflow's client knows of a trace arrives in two ways that race: the trace as a whole, once it
has ended, and its spans over OTLP. Whichever comes first makes the row; what the client says of
the trace as a whole wins over what is inferred from spans.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from dovetail.tracking.errors import MissingResourceError
from dovetail.tracking.paths import append
from dovetail.tracking.store.bulk import (
    insert_new,
    insert_or_skip,
    insert_or_update,
    select_for,
    update_one,
)
from dovetail.tracking.store.traces_schema import (
    PARTS,
    trace_metadata,
    trace_runs,
    trace_tags,
    traces,
)

__all__ = [
    "LOCATION",
    "NAME",
    "SOURCE_RUN",
    "SPANS",
    "Labels",
    "by_ids",
    "delete",
    "delete_of_experiment",
    "delete_tag",
    "get",
    "labels_of",
    "link",
    "location_of",
    "report",
    "set_tag",
]

NAME = "mlflow.traceName"
SOURCE_RUN = "mlflow.sourceRun"
LOCATION = "mlflow.artifactLocation"
SPANS = "mlflow.trace.spansLocation"
CHUNK = 1000
_one = sa.select(traces).where(traces.c.trace_id == sa.bindparam("trace"))
_several = sa.select(traces).where(traces.c.trace_id.in_(sa.bindparam("traces", expanding=True)))
_labels: dict[sa.Table, sa.Select[Any]] = {
    table: sa.select(table).where(table.c.trace.in_(sa.bindparam("keys", expanding=True)))
    for table in (trace_tags, trace_metadata)
}


@dataclass(frozen=True)
class Labels:
    """What a trace is labelled with: `tags` can be changed, `metadata` cannot."""

    tags: Mapping[str, str]
    metadata: Mapping[str, str]


def _absent(trace_id: str) -> MissingResourceError:
    return MissingResourceError(f"Trace with ID '{trace_id}' not found.")


def get(connection: Connection, trace_id: str) -> Row[Any]:
    """Return the row of a trace.

    Raises:
        MissingResourceError: there is none.
    """
    row = connection.execute(_one, {"trace": trace_id}).first()
    if row is None:
        raise _absent(trace_id)
    return row


def by_ids(connection: Connection, trace_ids: Sequence[str]) -> list[Row[Any]]:
    """Return the rows of the traces that exist, in the order of their ids."""
    wanted = list(dict.fromkeys(trace_ids))
    found = {row.trace_id: row for row in select_for(connection, _several, "traces", wanted)}
    return [found[trace_id] for trace_id in wanted if trace_id in found]


def labels_of(connection: Connection, keys: Sequence[int]) -> dict[int, Labels]:
    """Return tags and metadata of traces by their keys."""
    found = {key: Labels({}, {}) for key in keys}
    into: dict[sa.Table, dict[int, Any]] = {
        trace_tags: {key: one.tags for key, one in found.items()},
        trace_metadata: {key: one.metadata for key, one in found.items()},
    }
    for table, kept in into.items():
        for row in select_for(connection, _labels[table], "keys", keys):
            kept[row.trace][row.key] = row.value
    return found


def location_of(experiment_location: str, trace_id: str) -> str:
    """Return where clients keep the files of a trace."""
    return append(experiment_location, "traces", trace_id, "artifacts")


def report(connection: Connection, values: Mapping[str, Any], labels: Labels) -> int:
    """Record what a client says of a whole trace and return its key.

    Args:
        connection: a connection in a transaction.
        values: of the columns of `traces`, but for its key.
        labels: added to those that are there.
    """
    key = insert_new(connection, traces, values)
    if key is None:
        older = connection.execute(_one.with_for_update(), {"trace": values["trace_id"]}).one()
        key = older.id
        kept = ("name", "request_preview", "response_preview")
        changed = {n: v for n, v in values.items() if v is not None or n not in kept}
        update_one(connection, traces, key, changed)
    insert_or_update(connection, trace_tags, _rows(key, labels.tags))
    insert_or_update(connection, trace_metadata, _rows(key, labels.metadata))
    if run := labels.metadata.get(SOURCE_RUN):
        link(connection, run, [values["trace_id"]])
    return key


def _rows(key: int, labels: Mapping[str, str]) -> list[tuple[int, str, str]]:
    return [(key, name, value) for name, value in labels.items()]


def link(connection: Connection, run_id: str, trace_ids: Iterable[str]) -> None:
    """Say that traces belong to a run, also such as have not arrived yet."""
    insert_or_skip(connection, trace_runs, [(run_id[:32], one) for one in trace_ids])


def set_tag(connection: Connection, trace_id: str, key: str, value: str) -> None:
    """Set a tag of a trace; the tag that holds its name renames it."""
    row = get(connection, trace_id)
    if key == NAME:
        update_one(connection, traces, row.id, {"name": value})
    else:
        insert_or_update(connection, trace_tags, [(row.id, key, value)])


def delete_tag(connection: Connection, trace_id: str, key: str) -> None:
    """Delete a tag of a trace.

    Raises:
        MissingResourceError: it has no such tag.
    """
    row = get(connection, trace_id)
    if key == NAME and row.name is not None:
        update_one(connection, traces, row.id, {"name": None})
        return
    which = (trace_tags.c.trace == row.id) & (trace_tags.c.key == key)
    if connection.execute(sa.delete(trace_tags).where(which)).rowcount == 0:
        raise MissingResourceError(f"No trace tag with key '{key}' for trace with ID '{trace_id}'")


def delete(
    connection: Connection,
    experiment: int,
    *,
    trace_ids: Sequence[str] = (),
    until: int | None = None,
    most: int | None = None,
) -> list[str]:
    """Delete traces of an experiment, oldest first, and return their ids.

    Args:
        connection: a connection in a transaction.
        experiment: its number.
        trace_ids: only these, unless empty.
        until: only those that began then or earlier, in milliseconds since 1970.
        most: at most so many.
    """
    query = sa.select(traces.c.id, traces.c.trace_id).where(traces.c.experiment_id == experiment)
    if until is not None:
        query = query.where(traces.c.timestamp_ms <= until)
    if trace_ids:
        query = query.where(traces.c.trace_id.in_(sa.bindparam("traces", expanding=True)))
        found = list(select_for(connection, query, "traces", list(dict.fromkeys(trace_ids))))
    else:
        oldest = query.order_by(traces.c.timestamp_ms, traces.c.trace_id)
        found = list(connection.execute(oldest.limit(most)))
    found = found[:most]
    gone = [row.trace_id for row in found]
    _remove(connection, [row.id for row in found], gone)
    return gone


def delete_of_experiment(connection: Connection, experiment_id: int) -> int:
    """Delete all traces of an experiment, with their spans, labels and links.

    Args:
        connection: a connection in a transaction.
        experiment_id: the experiment's number.

    Returns:
        How many rows were deleted.
    """
    own = traces.c.experiment_id == experiment_id
    gone = 0
    for table in PARTS:
        keys = sa.select(traces.c.id).where(own)
        gone += connection.execute(sa.delete(table).where(table.c.trace.in_(keys))).rowcount
    linked = trace_runs.c.trace_id.in_(sa.select(traces.c.trace_id).where(own))
    gone += connection.execute(sa.delete(trace_runs).where(linked)).rowcount
    return gone + connection.execute(sa.delete(traces).where(own)).rowcount


def _remove(connection: Connection, keys: Sequence[int], trace_ids: Sequence[str]) -> None:
    for start in range(0, len(keys), CHUNK):
        some, named = keys[start : start + CHUNK], trace_ids[start : start + CHUNK]
        for table in PARTS:
            connection.execute(sa.delete(table).where(table.c.trace.in_(some)))
        connection.execute(sa.delete(trace_runs).where(trace_runs.c.trace_id.in_(named)))
        connection.execute(sa.delete(traces).where(traces.c.id.in_(some)))
