"""Who watches requests: the tracer, the access log, and the eye on slow ones.

The transports call `begin_http` or `begin_grpc` and `end_*`; the engine tells `observe` of each
answer. Where nothing of this is switched on there is no `Watch` at all.
"""

import time
from collections.abc import Mapping
from contextvars import Token
from typing import Any

from dovetail.base.telemetry import logger
from dovetail.serving.model import rows_of
from dovetail.serving.questions import Question, Reply
from dovetail.serving.settings import ServingSettings
from dovetail.serving.tracing import Tracing
from dovetail.serving.watched import CURRENT, Watched
from dovetail.wire.grpc import CODES

__all__ = ["Begun", "Watch"]

Begun = tuple[Watched, Token[Watched | None]]

log = logger("serving")
# The statuses of gRPC that are a server's fault, by the semantic conventions.
_FAULTS = frozenset(
    {"UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"}
)


class Watch:
    """Watches requests.

    Args:
        tracing: where spans go; None for nowhere.
        access: whether each request becomes a line of the log.
        slow_ms: milliseconds from which a request becomes a warning; 0 for never.
    """

    def __init__(self, tracing: Tracing | None, *, access: bool, slow_ms: float) -> None:
        self._tracing, self._access = tracing, access
        self._slow_ns = slow_ms * 1e6 if slow_ms else float("inf")

    @classmethod
    def of(cls, settings: ServingSettings) -> "Watch | None":
        """Return who watches by the settings and the environment; None where nobody does.

        Raises:
            MissingExtraError: traces are wanted and OpenTelemetry is not installed.
        """
        tracing = Tracing.of(settings.traces, settings.trace_share)
        if tracing is None and not settings.access_log and not settings.slow_ms:
            return None
        return cls(tracing, access=settings.access_log, slow_ms=settings.slow_ms)

    def begin_http(self, route: str, path: str, headers: Mapping[bytes, bytes]) -> Begun:
        """Begin to watch an inference request over HTTP.

        Args:
            route: the template of its path.
            path: that it came to.
            headers: of the request; names in lower case.
        """
        tracing = self._tracing
        watched = Watched() if tracing is None else tracing.http(route, path, headers)
        watched.method, watched.path = "POST", path
        return watched, CURRENT.set(watched)

    def pause(self, begun: Begun) -> None:
        """Take a request away from this context; `resume` gives it to another."""
        CURRENT.reset(begun[1])

    def resume(self, begun: Begun) -> Begun:
        """Give a request to this context, and return what is then to be ended."""
        return begun[0], CURRENT.set(begun[0])

    def end_http(self, begun: Begun, status: int, error: BaseException | None = None) -> None:
        """End to watch it.

        Args:
            begun: from `begin_http`.
            status: of the answer; 499 where the client went.
            error: why it failed.
        """
        watched, token = begun
        CURRENT.reset(token)
        if watched.span is not None:
            watched.span.set_attribute("http.response.status_code", status)
            if error is not None:
                watched.fail(error, is_fault=status >= 500)
            watched.end()
        self._log(watched, str(status), error)

    def begin_grpc(self, service: str, method: str, headers: Mapping[bytes, bytes]) -> Begun:
        """Begin to watch a call over gRPC.

        Args:
            service: for example `inference.GRPCInferenceService`.
            method: for example `ModelInfer`.
            headers: the call's metadata.
        """
        tracing = self._tracing
        watched = Watched() if tracing is None else tracing.grpc(service, method, headers)
        watched.method, watched.path = "gRPC", method
        return watched, CURRENT.set(watched)

    def end_grpc(self, begun: Begun, code: str, error: BaseException | None = None) -> None:
        """End to watch it.

        Args:
            begun: from `begin_grpc`.
            code: the name of its status.
            error: why it failed.
        """
        watched, token = begun
        CURRENT.reset(token)
        if watched.span is not None:
            watched.span.set_attribute("rpc.grpc.status_code", CODES.get(code, 2))
            if error is not None:
                watched.fail(error, is_fault=code in _FAULTS)
            watched.end()
        self._log(watched, code, error)

    def observe(self, question: Question, reply: Reply) -> None:
        """Note which version answered; an observer of the engine."""
        watched = CURRENT.get()
        if watched is not None:
            model = reply.model
            rows = rows_of(question.tensors)
            watched.root.answered(question.id, model.name, model.version, rows)

    def stop(self) -> None:
        """Send the spans that wait, for a few seconds at most."""
        if self._tracing is not None:
            self._tracing.stop()

    def _log(self, watched: Watched, status: str, error: BaseException | None) -> None:
        ns = time.perf_counter_ns() - watched.ns
        is_slow = ns >= self._slow_ns
        if not (self._access or is_slow):
            return
        facts: dict[str, Any] = {
            "method": watched.method,
            "path": watched.path,
            "status": status,
            "model": watched.model,
            "version": watched.version,
            "id": watched.id,
            "rows": watched.rows,
            "ms": round(ns / 1e6, 3),
            "queue_ms": round(watched.queue_ns / 1e6, 3),
            "model_ms": round(watched.run_ns / 1e6, 3),
        }
        if error is not None:
            facts["error"] = str(error)
        if watched.span is not None:
            facts["trace_id"] = f"{watched.span.get_span_context().trace_id:032x}"
        if is_slow:
            log.warning("slow request", **facts)
        else:
            log.info("request", **facts)
