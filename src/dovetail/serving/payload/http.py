"""CloudEvents to a sink over HTTP, in any of the three content modes."""

from collections.abc import Callable, Sequence
from typing import Literal

from dovetail.serving.payload.events import Writer
from dovetail.serving.payload.records import Record
from dovetail.web.piece import Endpoint
from dovetail.wire.cloudevents import Client, encode_binary, encode_structured
from dovetail.wire.http import BadRequest, WireError

__all__ = ["HttpSink"]

_RECORDS = 200
_BYTES = 4 << 20
_TIMEOUT = 10.0


class HttpSink:
    """A sink that takes CloudEvents.

    Args:
        connect: returns its endpoint; asked again after a failure.
        path: below the endpoint.
        writer: what makes events of records.
        mode: how they travel.
    """

    idle_seconds: float | None = None
    most_bytes = _BYTES

    def __init__(
        self,
        connect: Callable[[], Endpoint],
        path: str,
        writer: Writer,
        mode: Literal["batched", "structured", "binary"],
    ) -> None:
        self._connect, self._path, self._writer = connect, path, writer
        # Alone, an event that was taken is not sent again because the next one was not.
        self.most_records = _RECORDS if mode == "batched" else 1
        self.events = writer.events
        self._encode = {"structured": encode_structured, "binary": encode_binary}.get(mode)
        self._client: Client | None = None

    def take(self, records: Sequence[Record]) -> None:
        """Send the events of records; see `Sink`."""
        events = self._writer.write(records)
        try:
            if self._client is None:
                self._client = self._connect().open(Client, timeout=_TIMEOUT)
            if self._encode is None:
                self._client.send_events(events, self._path)
                return
            for event in events:
                headers, body = self._encode(event)
                self._client.send(
                    "POST", self._path, content=body, headers=headers, repeatable=True
                )
        except BadRequest:
            raise
        except WireError:
            self.close()
            raise

    def rest(self) -> None:
        """Do nothing: events do not lie here."""

    def close(self) -> None:
        """Give the connection back."""
        if self._client is not None:
            self._client.close()
            self._client = None
