"""What is moved of a trace, and the two seams that a store fills which has traces."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from dovetail.tracking.move.checksum import Tally
from dovetail.tracking.move.records import Placed, Skip
from dovetail.tracking.move.texts import is_broken
from dovetail.tracking.move.traces.promoted import canonical
from dovetail.tracking.store.traces import LOCATION, SOURCE_RUN
from dovetail.tracking.trace_values import check_trace_id
from dovetail.wire.otlp import Event, Span, native

__all__ = ["BATCH", "TraceReader", "TraceRecord", "TraceWriter", "fault_of", "tally_of"]

BATCH = 50
"""Traces that are read and written at once; each may have many large spans."""
LABEL, SPAN_ID, RUN_ID = 250, 16, 32
STATES = ("OK", "ERROR", "IN_PROGRESS", "STATE_UNSPECIFIED")


@dataclass(frozen=True)
class TraceRecord:
    """A trace with its labels, its spans and the runs that it belongs to.

    Attributes:
        id: its id, the same in every store.
        timestamp_ms: when it began, in milliseconds since 1970.
        execution_time_ms: how long it took, in milliseconds.
        status: one of `STATES`.
        client_request_id: what the client called it.
        request_preview: the beginning of what it was asked.
        response_preview: the beginning of what it answered.
        tags: labels that can be changed, its name and the place of its files among them.
        metadata: labels that cannot.
        runs: ids of the runs that it is linked to, besides the one that made it.
        spans: those that the store keeps in tables.
        fault: why it cannot be read; empty if it could.
    """

    id: str
    timestamp_ms: int
    execution_time_ms: int | None
    status: str
    client_request_id: str | None
    request_preview: str | None
    response_preview: str | None
    tags: Mapping[str, str]
    metadata: Mapping[str, str]
    runs: tuple[str, ...] = ()
    spans: tuple[Span, ...] = ()
    fault: str = ""

    @property
    def location(self) -> str:
        """Where its files are; empty if that is not known."""
        return self.tags.get(LOCATION, "")

    @property
    def all_runs(self) -> list[str]:
        """The runs that it is linked to, the one that made it included."""
        source = self.metadata.get(SOURCE_RUN, "")
        return sorted({run for run in (*self.runs, source) if 0 < len(run) <= RUN_ID})

    def at(self, uri: str) -> "TraceRecord":
        """Return the same trace with its files at another place."""
        return replace(self, tags={**self.tags, LOCATION: uri})


class TraceReader(Protocol):
    """The traces of a store that is read."""

    def traces(self, experiment_id: str, skip: Skip) -> Iterator[list[TraceRecord]]:
        """Yield the traces of an experiment in batches, without those that may be skipped."""


class TraceWriter(Protocol):
    """The traces of a store that is written to. Whatever is written twice is there once."""

    def uri(self, placed: Placed, trace_id: str) -> str:
        """Return where the files of a trace are to lie."""

    def put(self, placed: Placed, records: Sequence[TraceRecord]) -> None:
        """Write traces with their labels, links and spans."""


def fault_of(record: TraceRecord) -> str:
    """Return what is wrong with a trace, or an empty text."""
    try:
        check_trace_id(record.id)
    except ValueError:
        return f"{record.id!r} cannot be the id of a trace"
    if record.fault:
        return record.fault
    if record.status not in STATES:
        return f"its state {record.status!r} is unknown"
    for labels in (record.tags, record.metadata):
        if any(not key or len(key) > LABEL for key in labels):
            return f"the key of a label is empty or longer than {LABEL} characters"
    texts = [*record.tags.items(), *record.metadata.items()]
    told = (record.client_request_id, record.request_preview, record.response_preview)
    if any(is_broken(text or "") for text in (*(t for pair in texts for t in pair), *told)):
        return "it holds a text that a database does not take"
    if any(not 0 < len(span.span_id) <= SPAN_ID for span in record.spans):
        return f"the id of a span is empty or longer than {SPAN_ID} characters"
    return ""


def tally_of(record: TraceRecord) -> Tally:
    """Return the tally of a trace, without its files and the place where they are."""
    tally = Tally()
    told = (record.client_request_id, record.request_preview, record.response_preview)
    times = (record.timestamp_ms, record.execution_time_ms)
    tally.add("traces", *times, record.status, *(text or "" for text in told))
    for key, value in record.tags.items():
        if key != LOCATION:
            tally.add("trace tags", key, value)
    for key, value in record.metadata.items():
        tally.add("trace metadata", key, canonical(key, value))
    for run in record.all_runs:
        tally.add("trace links", run)
    for span in record.spans:
        tally.add(
            *("spans", span.span_id, span.parent_id or "", span.name, span.start_ns),
            *(span.end_ns or 0, span.status, span.message, _canonical(span.attributes)),
            [_event(event) for event in span.events],
            [(link.trace_id, link.span_id, _canonical(link.attributes)) for link in span.links],
        )
    return tally


def _event(event: Event) -> tuple[str, int, str]:
    return event.name, event.time_unix_nano, _canonical(event.attributes)


def _canonical(attributes: Mapping[str, Any]) -> str:
    """Return attributes as one text, whatever order they came in."""
    plain = {key: native(value) for key, value in attributes.items()}
    return json.dumps(plain, sort_keys=True, ensure_ascii=True)
