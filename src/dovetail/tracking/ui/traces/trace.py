"""The page of one trace: its spans as a tree on a time axis, and what each recorded."""

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import quote

from sqlalchemy.engine import Connection
from starlette.requests import Request

from dovetail.tracking.backend import Backend
from dovetail.tracking.errors import MissingResourceError
from dovetail.tracking.handlers import experiments as experiment_cases
from dovetail.tracking.handlers.trace_files import kept_spans
from dovetail.tracking.handlers.traces import infos, spans_of
from dovetail.tracking.store import traces
from dovetail.tracking.trace_values import INPUTS, OUTPUTS, kind_of
from dovetail.tracking.ui.traces.listing import LEVELS
from dovetail.tracking.ui.traces.views import SpanView, TracePage
from dovetail.web.svg import Bar
from dovetail.web.svg.parts import Level
from dovetail.wire.mlflow import AJAX_PREFIX_3, GetExperiment
from dovetail.wire.otlp import Event, Span, native

__all__ = ["trace_page"]

MOST = 200
LONGEST = 4000
SECOND = 1_000_000_000
_LEVELS: dict[str, Level] = {"ERROR": "alarm", "OK": "ok", "UNSET": "idle"}
_OWN = (INPUTS, OUTPUTS, "mlflow.spanType", "mlflow.traceRequestId")


def trace_page(b: Backend, c: Connection, request: Request) -> TracePage:
    """Return everything about one trace."""
    row = traces.get(c, request.path_params["trace_id"])
    (info,) = infos(c, [row])
    experiment = experiment_cases.get(b, c, GetExperiment(str(row.experiment_id))).experiment
    spans, problem = _spans(b, c, row.trace_id)
    begin = min((span.start_ns for span in spans), default=0)
    views = [_view(span, depth, begin) for span, depth in tree(spans)]
    run = info.trace_metadata.get(traces.SOURCE_RUN, "")
    lasted = row.execution_time_ms
    return TracePage(
        trace={
            "trace_id": row.trace_id,
            "name": row.name or row.trace_id,
            "status": row.status,
            "level": LEVELS.get(row.status, "idle"),
            "started": row.timestamp_ms,
            "seconds": None if lasted is None else lasted / 1000,
            "spans": len(spans),
            "client_request_id": row.client_request_id,
        },
        experiment={
            "name": experiment.name,
            "href": f"/tracking/experiments/{row.experiment_id}/traces",
        },
        run_href=f"/tracking/runs/{quote(run)}" if run else "",
        tags=_pairs(info.tags),
        metadata=_pairs(info.trace_metadata),
        spans=views[:MOST],
        bars=[_bar(view) for view in views[:MOST]],
        hidden=max(0, len(views) - MOST),
        problem=problem,
        file=f"{AJAX_PREFIX_3}/get-trace-artifact?request_id={quote(row.trace_id)}",
    )


def _spans(b: Backend, c: Connection, trace_id: str) -> tuple[list[Span], str | None]:
    """Return the spans of a trace, wherever its client keeps them, or why there are none."""
    spans = spans_of(c, trace_id)
    if spans:
        return spans, None
    try:
        return kept_spans(b, c, trace_id), None
    except MissingResourceError:
        return [], "No span of this trace has arrived."


def _pairs(given: Any) -> list[dict[str, str]]:
    return [{"key": key, "value": _cut(value)} for key, value in sorted(given.items())]


def tree(spans: Sequence[Span]) -> Iterator[tuple[Span, int]]:
    """Yield spans with their depth, each before those that are part of it, by when they began.

    A span whose parent is not there counts as a root, and so does one of a circle.
    """
    known = {span.span_id: span for span in spans}
    below: dict[str | None, list[Span]] = defaultdict(list)
    for span in sorted(spans, key=lambda one: one.start_ns):
        below[span.parent_id if span.parent_id in known else None].append(span)
    seen: set[str] = set()
    for root in [*below.pop(None, []), *spans]:
        stack = [(root, 0)]
        while stack:
            span, depth = stack.pop()
            if span.span_id in seen:
                continue
            seen.add(span.span_id)
            yield span, depth
            stack += [(child, depth + 1) for child in reversed(below.get(span.span_id, []))]


def _view(span: Span, depth: int, begin: int) -> SpanView:
    lasted = None if span.end_ns is None else max(0, span.end_ns - span.start_ns) / SECOND
    attributes = span.attributes
    return SpanView(
        span_id=span.span_id,
        name=span.name,
        kind="" if kind_of(span) == "UNKNOWN" else kind_of(span),
        status=span.status,
        level=_LEVELS[span.status],
        depth=depth,
        start=(span.start_ns - begin) / SECOND,
        seconds=lasted,
        message=_cut(span.message),
        inputs=_pretty(attributes[INPUTS]) if INPUTS in attributes else None,
        outputs=_pretty(attributes[OUTPUTS]) if OUTPUTS in attributes else None,
        attributes=[
            {"key": key, "value": _line(value)}
            for key, value in attributes.items()
            if key not in _OWN
        ],
        events=[_event(event, begin) for event in span.events],
    )


def _event(event: Event, begin: int) -> dict[str, Any]:
    attributes = dict(event.attributes)
    trace = attributes.pop("exception.stacktrace", None)
    return {
        "name": event.name,
        "seconds": (event.time_unix_nano - begin) / SECOND,
        "attributes": [{"key": key, "value": _line(value)} for key, value in attributes.items()],
        "stacktrace": _tail(trace) if isinstance(trace, str) else None,
    }


def _pretty(value: Any) -> str:
    plain = native(value)
    return _cut(
        plain if isinstance(plain, str) else json.dumps(plain, indent=2, ensure_ascii=False)
    )


def _line(value: Any) -> str:
    plain = native(value)
    return _cut(plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False))


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _tail(text: str) -> str:
    """Return the end of a stack trace, where the reason is."""
    return text if len(text) <= LONGEST else f"…{text[1 - LONGEST :]}"


def _bar(view: SpanView) -> Bar:
    return Bar(
        label=view.name,
        depth=view.depth,
        start=view.start,
        end=view.start + (view.seconds or 0.0),
        level=_LEVELS[view.status],
        state="failed" if view.status == "ERROR" else "running" if view.seconds is None else "",
        href=f"#s-{view.span_id}",
    )
