"""OpenTelemetry traces of inference requests, sent as OTLP over HTTP (the extra `telemetry`).

The SDK's own parts do the work: a parent-based sampler, batches sent by a thread, everything that
the standard `OTEL_*` variables say. Spans go nowhere else and nothing global is set. A collector
that is down costs the answers nothing; the spans lost are counted, and the log says so once.
"""

import logging
import os
import threading
from collections.abc import Mapping, Sequence
from typing import Any

from dovetail import __version__
from dovetail.base.errors import MissingExtraError
from dovetail.base.extras import require
from dovetail.base.telemetry import logger
from dovetail.serving.counters import BOARD
from dovetail.serving.watched import Watched

__all__ = ["SPANS", "Tracing"]

SPANS = "spans"
MADE, SENT, LOST = range(3)

_SERVICE = "dovetail-serving"
_PATH = "/v1/traces"
_GRACE = 5.0
_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PARENT = ("traceparent", "tracestate")
_FEATURE = "sending traces"

log = logger("serving")


class Tracing:
    """Makes the spans of requests.

    Args:
        endpoint: of the collector, without the path; empty leaves it to the environment.
        share: of the requests without a parent that are traced; None leaves it to the environment.

    Raises:
        MissingExtraError: OpenTelemetry is not installed.
    """

    def __init__(self, endpoint: str, share: float | None) -> None:
        def part(module: str) -> Any:
            return require(f"opentelemetry.{module}", extra="telemetry", feature=_FEATURE)

        exporter = part("exporter.otlp.proto.http.trace_exporter").OTLPSpanExporter(
            endpoint=_traces_url(endpoint) if endpoint else None
        )
        # It writes a line, with a traceback, for each batch that it cannot send; we write one.
        logging.getLogger("opentelemetry.exporter.otlp").setLevel(logging.CRITICAL)
        sampling, trace = part("sdk.trace.sampling"), part("sdk.trace")
        self._api = part("trace")
        self._propagator = part("trace.propagation.tracecontext").TraceContextTextMapPropagator()
        ratio = None if share is None else sampling.ParentBased(sampling.TraceIdRatioBased(share))
        self._provider = trace.TracerProvider(
            sampler=ratio, resource=_resource(part("sdk.resources")), shutdown_on_exit=False
        )
        self._block = BOARD.take(SPANS, (), 3)
        self._provider.add_span_processor(_Counting(self._block.cells))
        batches = part("sdk.trace.export").BatchSpanProcessor(_Exporter(exporter, self._block))
        self._provider.add_span_processor(batches)
        self._tracer = self._provider.get_tracer("dovetail.serving", __version__)

    @classmethod
    def of(cls, endpoint: str, share: float | None) -> "Tracing | None":
        """Return what traces by a setting and the environment; None where nothing does.

        Where only the environment, which is often the same for a whole cluster, asks for traces,
        a missing extra is a warning.

        Raises:
            MissingExtraError: the setting asks for traces and OpenTelemetry is not installed.
        """
        if os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
            return None
        if endpoint:
            return cls(endpoint, share)
        if os.environ.get("OTEL_TRACES_EXPORTER", "otlp") != "otlp":
            return None
        if not any(os.environ.get(name) for name in _ENDPOINTS):
            return None
        if os.environ.get("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf") != "http/protobuf":
            log.warning(
                "no traces are sent",
                why="OTEL_EXPORTER_OTLP_PROTOCOL asks for another protocol than http/protobuf",
                fix="set [serving] traces to the collector's address for OTLP over HTTP",
            )
            return None
        try:
            return cls("", share)
        except MissingExtraError as error:
            log.warning("no traces are sent", why=str(error))
            return None

    def http(self, route: str, path: str, headers: Mapping[bytes, bytes]) -> Watched:
        """Begin the span of an inference request over HTTP.

        Args:
            route: the template of its path.
            path: that it came to.
            headers: of the request; names in lower case.
        """
        attributes: dict[str, Any] = {
            "http.request.method": "POST",
            "http.route": route,
            "url.path": path,
            "url.scheme": headers.get(b"x-forwarded-proto", b"http").decode("latin-1"),
        }
        host, _, port = headers.get(b"host", b"").decode("latin-1").rpartition(":")
        if host and port.isdecimal():
            attributes |= {"server.address": host, "server.port": int(port)}
        agent = headers.get(b"user-agent")
        if agent is not None:
            attributes["user_agent.original"] = agent.decode("latin-1")
        return self._begin(f"POST {route}", headers, attributes)

    def grpc(self, service: str, method: str, headers: Mapping[bytes, bytes]) -> Watched:
        """Begin the span of a call over gRPC."""
        attributes = {"rpc.system": "grpc", "rpc.service": service, "rpc.method": method}
        return self._begin(f"{service}/{method}", headers, attributes)

    def child(
        self, parent: Any, name: str, attributes: dict[str, Any], start_ns: int | None = None
    ) -> Any:
        """Begin a span below another; see `Spans`."""
        return self._tracer.start_span(
            name,
            context=self._api.set_span_in_context(parent),
            attributes=attributes,
            start_time=start_ns,
        )

    def mark_failed(self, span: Any, text: str) -> None:
        """Give a span the status of an error."""
        span.set_status(self._api.Status(self._api.StatusCode.ERROR, text))

    def stop(self) -> None:
        """Send what waits, for a few seconds at most."""
        # The SDK waits for as long as the exporter tries, which can be half a minute.
        ending = threading.Thread(target=self._provider.shutdown, daemon=True)
        ending.start()
        ending.join(_GRACE)
        BOARD.leave(SPANS, ())

    def _begin(
        self, name: str, headers: Mapping[bytes, bytes], attributes: Mapping[str, Any]
    ) -> Watched:
        carrier = {
            key: value.decode("latin-1")
            for key in _PARENT
            if (value := headers.get(key.encode())) is not None
        }
        span = self._tracer.start_span(
            name,
            context=self._propagator.extract(carrier),
            kind=self._api.SpanKind.SERVER,
            attributes=attributes,
        )
        return Watched(self, span if span.is_recording() else None)


class _Counting:
    """A span processor that counts what is made.

    Args:
        cells: where.
    """

    def __init__(self, cells: list[int] | memoryview) -> None:
        self._cells = cells

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        """Do nothing."""

    def _on_ending(self, span: Any) -> None:
        """Do nothing."""

    def on_end(self, span: Any) -> None:
        """Count a span that ended."""
        self._cells[MADE] += 1

    def shutdown(self) -> None:
        """Do nothing."""

    def force_flush(self, timeout_millis: int = 0) -> bool:
        """Return that nothing waits here."""
        return True


class _Exporter:
    """A span exporter that counts what another one could send, and logs its failure once.

    Args:
        exporter: the other one.
        block: where.
    """

    def __init__(self, exporter: Any, block: Any) -> None:
        self._exporter, self._cells = exporter, block.cells
        self._is_failing = False

    def export(self, spans: Sequence[Any]) -> Any:
        """Send spans."""
        result = self._exporter.export(spans)
        if result.name == "SUCCESS":
            self._cells[SENT] += len(spans)
            self._is_failing = False
            return result
        self._cells[LOST] += len(spans)
        if not self._is_failing:
            self._is_failing = True
            log.warning(
                "traces are not taken by the collector",
                spans=len(spans),
                fix="look at the collector; dovetail_serving_spans_total counts what is lost",
            )
        return result

    def shutdown(self) -> None:
        """End."""
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Send what the exporter holds."""
        return bool(self._exporter.force_flush(timeout_millis))


def _traces_url(endpoint: str) -> str:
    plain = endpoint.rstrip("/")
    return plain if plain.endswith(_PATH) else plain + _PATH


def _resource(resources: Any) -> Any:
    found = resources.Resource.create({"service.version": __version__})
    if str(found.attributes.get("service.name", "")).startswith("unknown_service"):
        found = found.merge(resources.Resource({"service.name": _SERVICE}))
    return found
