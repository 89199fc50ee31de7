"""Rows of sources as CloudEvents, for streams and for those who already send events.

The subject of an event names the source, its data is one row. What the row does not say the event
does: its time is when it happened and became known, its id identifies it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from dovetail.features.catalog import Definitions
from dovetail.features.errors import RowsError
from dovetail.features.online.events import events_of
from dovetail.features.pushing import Pusher
from dovetail.features.sources import Source
from dovetail.wire import cloudevents
from dovetail.wire.feast import Columns, PushTo

__all__ = ["Intake"]


class Intake:
    """Takes events in.

    Args:
        definitions: What is defined.
        pusher: Where rows go.
    """

    def __init__(self, definitions: Definitions, pusher: Pusher) -> None:
        self._definitions, self._pusher = definitions, pusher

    def take(self, headers: Mapping[str, str], body: bytes, to: PushTo) -> int:
        """Take the events of one request in.

        Args:
            headers: The request's headers.
            body: Its body: one event, or a batch.
            to: Where the rows go.

        Returns:
            How many rows were new online, once they are durable.

        Raises:
            RowsError: An event is malformed or its row does not fit; nothing is taken in.
            SourceNotFoundError: There is no such source.
        """
        try:
            events = cloudevents.decode(headers, body)
        except cloudevents.InvalidEvent as error:
            raise RowsError("The body is not CloudEvents", why=str(error)) from error
        rows: dict[str, list[dict[str, Any]]] = {}
        for event in events:
            source = self._definitions.source(event.subject or "")
            rows.setdefault(source.name, []).append(_row(source, event))
        pushes = {name: self._columns(name, found) for name, found in rows.items()}
        return sum(self._pusher.push(name, found, to).result() for name, found in pushes.items())

    def _columns(self, name: str, rows: Sequence[Mapping[str, Any]]) -> Columns:
        """Turn the rows of a source into columns, which are checked before any is taken in."""
        source, names = self._definitions.sources[name], dict.fromkeys(rows[0])
        for row in rows:
            if row.keys() != names.keys():
                raise RowsError(
                    f"The events for source {name!r} do not have the same columns",
                    why=f"{sorted(row)} and {sorted(names)}",
                    fix="Send null for what a row does not have",
                )
        columns = {column: [row[column] for row in rows] for column in names}
        events = events_of(source, columns, self._pusher.engine.columns_of(name))
        self._pusher.engine.check(name, events)
        return columns


def _row(source: Source, event: cloudevents.Event) -> dict[str, Any]:
    if not isinstance(event.data, dict):
        raise RowsError(
            f"The data of event {event.id!r} is no row", fix="Send a JSON object of columns"
        )
    row = dict(event.data)
    if event.time is not None:
        for column in source.time_columns:
            row.setdefault(column, event.time.isoformat())
    if len(source.id_columns) == 1:
        row.setdefault(source.id_columns[0], event.id)
    return row
