"""What the pages of traces show, as values: the HTML page and its JSON twin come from the same."""

from typing import Any

import msgspec

from dovetail.web.sorting import Sort
from dovetail.web.svg import Bar

__all__ = ["SpanView", "TraceLine", "TracePage", "TracesPage"]


class TraceLine(msgspec.Struct, frozen=True):
    """A trace in the list; `started` in milliseconds since 1970."""

    trace_id: str
    name: str
    href: str
    status: str
    level: str
    started: int
    seconds: float | None
    request: str
    response: str


class TracesPage(msgspec.Struct, frozen=True):
    """The traces of an experiment."""

    name: str
    experiment_id: str
    experiment_href: str
    filter: str
    problem: str | None
    traces: list[TraceLine]
    sort: Sort
    next: str
    address: str


class SpanView(msgspec.Struct, frozen=True):
    """One span: `depth` levels below its root; `start` in seconds after the first span."""

    span_id: str
    name: str
    kind: str
    status: str
    level: str
    depth: int
    start: float
    seconds: float | None
    message: str
    inputs: str | None
    outputs: str | None
    attributes: list[dict[str, str]]
    events: list[dict[str, Any]]


class TracePage(msgspec.Struct, frozen=True):
    """One trace."""

    trace: dict[str, Any]
    experiment: dict[str, str]
    run_href: str
    tags: list[dict[str, str]]
    metadata: list[dict[str, str]]
    spans: list[SpanView]
    bars: list[Bar]
    hidden: int
    problem: str | None
    file: str
