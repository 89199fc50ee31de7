"""Traces beside MLflow's API proper: OpenTelemetry's exporters, and the file of a trace's spans.

An export is bounded before anything of it is believed: its size, its size once it is unpacked, and
the number of its spans. What is refused is refused whole, in OTLP's shape.
"""

import zlib
from collections.abc import Callable, Sequence
from urllib.parse import quote

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from dovetail.base.errors import DovetailError, TooLargeError
from dovetail.base.extras import require
from dovetail.tracking.errors import InvalidParameterError, TrackingError, UnusableSpansError
from dovetail.tracking.handlers.trace_files import FILE, trace_file
from dovetail.tracking.handlers.traces import log_spans
from dovetail.tracking.routes.errors import grpc_code, message_of
from dovetail.tracking.routes.protocol import Operations, read_body
from dovetail.tracking.store.spans import Incoming
from dovetail.tracking.trace_values import arrivals
from dovetail.web.problems import status_of
from dovetail.wire.mlflow import AJAX_PREFIX, AJAX_PREFIX_3
from dovetail.wire.otlp import (
    PATH,
    InvalidSpan,
    InvalidSpans,
    Span,
    decode_json,
    decode_protobuf,
    status_json,
    status_protobuf,
)

__all__ = ["trace_routes"]

MAX_EXPORT = 16 << 20
SMALL = 64 << 10
_WHOLE = f"attachment; filename={FILE}"
PROTOBUF, JSON = "application/x-protobuf", "application/json"
_DECODERS: dict[str, Callable[[bytes], list[Span]]] = {
    PROTOBUF: decode_protobuf,
    JSON: decode_json,
}


def trace_routes(operations: Operations) -> list[BaseRoute]:
    """Return the routes of OTLP and of the file of a trace's spans."""

    async def export(request: Request) -> Response:
        """Take in spans over OTLP/HTTP, in protobuf or JSON; all of them or none."""
        kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
        try:
            await _take(operations, request, kind)
        except (TrackingError, DovetailError) as error:
            return _refusal(error, kind)
        return Response(b"{}" if kind == JSON else b"", media_type=kind)

    def spans_file(request: Request) -> Response:
        """Download the spans of a trace as MLflow's `traces.json`, or one of its attachments."""
        query = request.query_params
        trace_id, path = query.get("request_id", ""), query.get("path", "")
        body = operations.database.read(lambda c: trace_file(operations.backend, c, trace_id, path))
        name = quote(path.rpartition("/")[2])
        headers = {
            "Content-Disposition": f"attachment; filename*=UTF-8''{name}" if name else _WHOLE,
            "Content-Security-Policy": "sandbox; default-src 'none'",
            "X-Content-Type-Options": "nosniff",
        }
        return Response(body, media_type="application/octet-stream", headers=headers)

    return [
        Route(PATH, export, methods=["POST"]),
        Route(f"{AJAX_PREFIX}/get-trace-artifact", spans_file, methods=["GET"]),
        Route(f"{AJAX_PREFIX_3}/get-trace-artifact", spans_file, methods=["GET"]),
    ]


async def _take(operations: Operations, request: Request, kind: str) -> None:
    if kind not in _DECODERS:
        raise InvalidParameterError(
            f"Invalid Content-Type: {kind or 'none'}. Expected: {PROTOBUF} or {JSON}"
        )
    experiment = request.headers.get("x-mlflow-experiment-id")
    if not experiment:
        raise UnusableSpansError(
            "The header x-mlflow-experiment-id is missing: it says where traces go. "
            "Set OTEL_EXPORTER_OTLP_HEADERS=x-mlflow-experiment-id=<id>."
        )
    packed = request.headers.get("content-encoding", "").lower()
    body = await read_body(request.receive, MAX_EXPORT)
    if len(body) <= SMALL and not packed:
        arrived = _read(body, packed, kind)
    else:
        arrived = await anyio.to_thread.run_sync(_read, body, packed, kind)
    run = request.headers.get("x-mlflow-run-id") or None
    await operations.write(lambda c: log_spans(c, experiment, arrived, run))


def _read(body: bytes, packed: str, kind: str) -> Sequence[Incoming]:
    if kind == PROTOBUF:
        needed = "opentelemetry.proto.collector.trace.v1.trace_service_pb2"
        require(needed, extra="tracking", feature="taking in traces over OTLP")
    try:
        spans = _DECODERS[kind](_unpacked(body, packed))
    except InvalidSpan as error:
        raise UnusableSpansError(f"Invalid OpenTelemetry span: {error}.") from error
    except InvalidSpans as error:
        raise InvalidParameterError(f"Invalid OpenTelemetry export: {error}.") from error
    if not spans:
        raise InvalidParameterError("Invalid OpenTelemetry export: no spans found.")
    return arrivals(spans)


def _unpacked(body: bytes, packed: str) -> bytes:
    """Return a body without its compression, which may be no more than a bomb."""
    if packed in ("", "identity"):
        return body
    if packed == "gzip":
        return _inflate(body, 16 + zlib.MAX_WBITS)
    if packed == "deflate":
        try:
            return _inflate(body, zlib.MAX_WBITS)
        except InvalidParameterError:
            return _inflate(body, -zlib.MAX_WBITS)  # some clients leave out zlib's frame
    raise InvalidParameterError(f"Unsupported Content-Encoding: {packed[:40]}")


def _inflate(body: bytes, window: int) -> bytes:
    try:
        unpacker = zlib.decompressobj(window)
        plain = unpacker.decompress(body, MAX_EXPORT + 1)
    except zlib.error as error:
        raise InvalidParameterError(
            "The body cannot be unpacked as Content-Encoding says."
        ) from error
    if len(plain) > MAX_EXPORT:
        raise TooLargeError(f"the export is over {MAX_EXPORT >> 20} MiB once it is unpacked")
    if not unpacker.eof:
        raise InvalidParameterError("The body ends before its compression does.")
    return plain


def _refusal(error: Exception, kind: str) -> Response:
    status = status_of(error)
    if isinstance(error, TrackingError):
        status = error.status
    code = grpc_code(status)
    if kind == PROTOBUF:
        return Response(status_protobuf(message_of(error), code), status, media_type=PROTOBUF)
    return Response(status_json(message_of(error), code), status, media_type=JSON)
