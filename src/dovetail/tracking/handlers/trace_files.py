"""The file `traces.json` of a trace, and what clients attach to one.

MLflow's pages ask for it. Spans that arrived over OTLP are written into it here; those that a
client kept as a file among the trace's artifacts are that file.
"""

from sqlalchemy.engine import Connection

from dovetail.base.errors import InvalidInputError, NotFoundError
from dovetail.tracking.backend import Backend
from dovetail.tracking.errors import InvalidParameterError, MissingResourceError
from dovetail.tracking.handlers.traces import spans_of
from dovetail.tracking.paths import proxied_path, safe_path
from dovetail.tracking.store import traces
from dovetail.tracking.trace_json import read, write
from dovetail.wire.otlp import InvalidSpans, Span

__all__ = ["FILE", "kept_spans", "trace_file"]

FILE = "traces.json"
LARGEST = 64 << 20


def trace_file(b: Backend, c: Connection, trace_id: str, path: str = "") -> bytes:
    """Return the spans of a trace as MLflow's `traces.json`, or one of its attachments.

    Args:
        b: the surroundings.
        c: where to read.
        trace_id: whose.
        path: of an attachment; empty for the spans.
    """
    if not trace_id:
        raise InvalidParameterError('Request must include the "request_id" query parameter.')
    spans = spans_of(c, trace_id)
    if path:
        return _kept(b, c, trace_id, f"attachments/{safe_path(path)}")
    return write(spans) if spans else _kept(b, c, trace_id, FILE)


def _kept(b: Backend, c: Connection, trace_id: str, name: str) -> bytes:
    """Return a file that a client keeps of a trace behind the proxy.

    Raises:
        MissingResourceError: there is none, or it lies elsewhere.
    """
    row = traces.get(c, trace_id)
    location = traces.labels_of(c, [row.id])[row.id].tags.get(traces.LOCATION, "")
    folder = proxied_path(location)
    absent = MissingResourceError(
        f"Trace with ID '{trace_id}' has no file '{name}' on this server."
    )
    if folder is None or not b.serves_artifacts:
        raise absent
    try:
        found = b.artifacts.stat(f"{folder}/{name}")
        if found.is_dir or found.size > LARGEST:
            raise absent
        return b"".join(b.artifacts.open(found.path))
    except (NotFoundError, InvalidInputError) as error:
        raise absent from error


def kept_spans(b: Backend, c: Connection, trace_id: str) -> list[Span]:
    """Return the spans that a client keeps as a file of a trace.

    Raises:
        MissingResourceError: there is no such file, or it holds something else.
    """
    try:
        return read(_kept(b, c, trace_id, FILE))
    except InvalidSpans as error:
        raise MissingResourceError(f"Trace with ID '{trace_id}' has no spans: {error}") from error
