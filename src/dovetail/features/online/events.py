"""Pushed columns as events: checked once, before anything is stored.

Neighbours: `handlers` calls `events_of` on what a client sent; `store` keeps the events
and `memory` counts them.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import orjson

from dovetail.features.errors import RowsError
from dovetail.features.moments import moment_us
from dovetail.features.sources import Source
from dovetail.features.views import View

Columns = Mapping[str, Sequence[Any]]
CHUNK = 2_000


@dataclass(frozen=True, slots=True)
class Event:
    """One row of a source.

    Attributes:
        id: Values of the id columns; empty where the source has no id.
        event_us: When it happened.
        known_us: When it became known.
        row: The row as it was sent, times as text.
    """

    id: tuple[Any, ...]
    event_us: int
    known_us: int
    row: Mapping[str, Any]

    @property
    def rank(self) -> tuple[Any, ...]:
        """The order of events: event time, time of knowing, id."""
        return (self.event_us, self.known_us, *self.id)

    @property
    def id_text(self) -> str:
        """The id as JSON text, the key of the event in the store."""
        return orjson.dumps(self.id).decode()


def events_of(source: Source, columns: Columns, needed: Sequence[str]) -> list[Event]:
    """Turn pushed columns into events.

    Args:
        source: The source that they belong to.
        columns: Values by column name, all of one length.
        needed: Columns that the views of the source read.

    Raises:
        RowsError: A column is missing, lengths differ, or a time or id is no time or id.
    """
    required = source.brought(needed)
    if missing := [c for c in required if c not in columns]:
        raise RowsError(
            f"The rows for source {source.name!r} lack the columns {missing}",
            fix=f"Send {list(required)}",
        )
    rows = rows_of(columns)
    if source.condition is not None:
        exists = source.condition.of
        rows = (row for row in rows if exists(row) is True)
    if source.derive:
        rows = (source.derived(row, needed) for row in rows)
    return [_event(source, row) for row in rows]


def rows_of(columns: Columns) -> Iterator[dict[str, Any]]:
    """Walk columns row by row.

    Raises:
        RowsError: A column is not a list, or lengths differ.
    """
    for name, values in columns.items():
        if not isinstance(values, list | tuple):
            raise RowsError(f"Column {name!r} is not a list", fix="Send one list a column")
    if len({len(values) for values in columns.values()}) > 1:
        lengths = {name: len(values) for name, values in columns.items()}
        raise RowsError(f"The columns differ in length: {lengths}")
    names = list(columns)
    for values in zip(*columns.values(), strict=True):
        yield dict(zip(names, values, strict=True))


def _event(source: Source, row: dict[str, Any]) -> Event:
    if not source.event_time:
        return Event(tuple(_identifier(c, row[c]) for c in source.id_columns), 0, 0, row)
    event_us = moment_us(row[source.event_time], what=source.event_time)
    known_us = (
        event_us
        if source.known_at == source.event_time
        else moment_us(row[source.known_at], what=source.known_at)
    )
    times = {source.event_time: event_us, source.known_at: known_us}
    identity = tuple(times[c] if c in times else _identifier(c, row[c]) for c in source.id_columns)
    return Event(identity, event_us, known_us, row)


def _identifier(column: str, value: object) -> str | int:
    if isinstance(value, str | int) and not isinstance(value, bool):
        return value
    if isinstance(value, datetime | date):
        return value.isoformat()
    raise RowsError(
        f"Id column {column!r} holds {value!r}", fix="An id is text or a whole number, never null"
    )


def key_in(view: View, row: Mapping[str, Any]) -> Any:
    """Return the join key of a row in a view, or None where it does not exist for the view."""
    if view.condition is not None and view.condition.of(row) is not True:
        return None
    return key_of(row, view.keys)


def key_of(row: Mapping[str, Any], keys: Sequence[str]) -> Any:
    """Return the join key of a row: a scalar, a tuple of several, or None when one is null."""
    if len(keys) == 1:
        return row[keys[0]]
    values = tuple(row[k] for k in keys)
    return None if None in values else values


def chunks(events: Iterable[Event]) -> Iterable[list[Event]]:
    """Cut events into lists short enough not to hold up lookups."""
    part: list[Event] = []
    for event in events:
        part.append(event)
        if len(part) == CHUNK:
            yield part
            part = []
    if part:
        yield part
