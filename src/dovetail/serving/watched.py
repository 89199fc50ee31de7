"""One request from its first byte to its answer, for traces and the access log.

Who watches makes a `Watched`, which travels with the request as a context variable, also into
threads. Whatever has something to tell finds it there: the queue how long it waited, the model when
it ran, a graph which step it is in. Where nobody watches, that is one look at an empty variable.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol

__all__ = ["CURRENT", "Spans", "Watched", "step"]

CURRENT: "ContextVar[Watched | None]" = ContextVar("watched", default=None)
"""The request that this task or thread works on; None where nobody watches."""


class Spans(Protocol):
    """Makes spans; `tracing` does."""

    def child(
        self, parent: Any, name: str, attributes: dict[str, Any], start_ns: int | None = None
    ) -> Any:
        """Begin a span below another.

        Args:
            parent: the other.
            name: of the span.
            attributes: of the span.
            start_ns: since 1970; None for now.
        """

    def mark_failed(self, span: Any, text: str) -> None:
        """Give a span the status of an error."""


class Watched:
    """A request, or a step of one.

    Args:
        spans: makes the spans of its stages; None where it is not traced.
        span: of the request or the step.
        root: the request that a step belongs to.
    """

    __slots__ = (
        "id", "method", "model", "ns", "path", "queue_ns", "root", "rows", "run_ns", "span",
        "spans", "version", "wall_ns",
    )  # fmt: skip

    def __init__(
        self, spans: Spans | None = None, span: Any = None, root: "Watched | None" = None
    ) -> None:
        self.spans, self.span = spans, span
        self.root = root or self
        self.ns, self.wall_ns = time.perf_counter_ns(), time.time_ns()
        self.method = self.path = self.model = self.version = ""
        self.id: str | None = None
        self.rows = self.queue_ns = self.run_ns = 0

    def answered(self, id: str | None, model: str, version: str, rows: int) -> None:
        """Note what was asked and which version answered."""
        self.id, self.model, self.version, self.rows = id, model, version, rows
        if self.span is not None:
            self.span.set_attributes(
                {
                    "dovetail.model.name": model,
                    "dovetail.model.version": version,
                    "dovetail.rows": rows,
                    "dovetail.request.id": id or "",
                }
            )

    def waited(self, start_ns: int, end_ns: int) -> None:
        """Note that a request waited to be joined with others or for a turn.

        Args:
            start_ns: on `time.perf_counter_ns`'s clock.
            end_ns: likewise.
        """
        self.root.queue_ns += end_ns - start_ns
        self._stage("queue", start_ns, end_ns)

    def ran(
        self,
        model: str,
        version: str,
        rows: int,
        start_ns: int,
        end_ns: int,
        error: BaseException | None = None,
    ) -> None:
        """Note that a model ran.

        Args:
            model: its name.
            version: its version.
            rows: that it was given by this request.
            start_ns: on `time.perf_counter_ns`'s clock.
            end_ns: likewise.
            error: why it failed; None where it answered.
        """
        self.root.run_ns += end_ns - start_ns
        attributes: dict[str, Any] = {
            "dovetail.model.name": model,
            "dovetail.model.version": version,
            "dovetail.rows": rows,
        }
        self._stage("model", start_ns, end_ns, attributes, error)

    def fail(self, error: BaseException, *, is_fault: bool) -> None:
        """Note why a request or a step failed.

        Args:
            error: what was raised.
            is_fault: whether that is the server's fault; what is the caller's is no error of ours.
        """
        if self.span is None or self.spans is None:
            return
        self.span.record_exception(error)
        if is_fault:
            self.span.set_attribute("error.type", getattr(error, "code", type(error).__name__))
            self.spans.mark_failed(self.span, str(error))

    def end(self) -> None:
        """End the span."""
        if self.span is not None:
            self.span.end()

    def traceparent(self) -> str | None:
        """Return what tells another server where its spans belong; None where nothing is traced."""
        if self.span is None:
            return None
        context = self.span.get_span_context()
        return f"00-{context.trace_id:032x}-{context.span_id:016x}-{int(context.trace_flags):02x}"

    def begin_step(self, name: str, **attributes: Any) -> "Watched":
        """Return a step below this; end it with `end`."""
        span = None
        if self.span is not None and self.spans is not None:
            span = self.spans.child(self.span, name, attributes)
        return Watched(self.spans, span, self.root)

    def _stage(
        self,
        name: str,
        start_ns: int,
        end_ns: int,
        attributes: dict[str, Any] | None = None,
        error: BaseException | None = None,
    ) -> None:
        """Make a span of something that is over."""
        if self.span is None or self.spans is None:
            return
        root = self.root
        shift = root.wall_ns - root.ns
        span = self.spans.child(self.span, name, attributes or {}, start_ns + shift)
        if error is not None:
            Watched(self.spans, span, root).fail(error, is_fault=True)
        span.end(end_ns + shift)


@contextmanager
def step(name: str, **attributes: Any) -> Iterator[None]:
    """Name what is done inside as a step of the request; for graphs.

    Args:
        name: of the step.
        attributes: of its span.
    """
    watched = CURRENT.get()
    if watched is None:
        yield
        return
    inner = watched.begin_step(name, **attributes)
    token = CURRENT.set(inner)
    try:
        yield
    except BaseException as error:
        inner.fail(error, is_fault=True)
        raise
    finally:
        CURRENT.reset(token)
        inner.end()
