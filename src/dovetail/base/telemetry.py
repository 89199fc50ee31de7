"""Structured logs for people and machines.

Logs go to standard error: coloured lines on a terminal, one JSON object a line elsewhere.
Metrics are made where they are counted, with `prometheus_client`, and shown by `dovetail.web`.
"""

import logging
import sys
from typing import Any

import structlog

__all__ = ["configure_logs", "logger"]


def logger(piece: str) -> Any:
    """Return the structured logger of a piece; it follows whatever is configured later."""
    return structlog.get_logger(piece=piece)


def configure_logs(
    level: str = "info", *, json: bool | None = None, worker: int | None = None
) -> None:
    """Set up logging for a process.

    Args:
        level: debug, info, warning or error.
        json: one JSON object a line; by default where standard error is not a terminal.
        worker: which of a server's processes this is, for every line; None where it is the only.
    """
    as_json = not sys.stderr.isatty() if json is None else json
    render: Any = (
        structlog.processors.JSONRenderer()
        if as_json
        # Rich tracebacks would print local variables, and with them tokens.
        else structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            *([_naming(worker)] if worker is not None else []),
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *([structlog.processors.format_exc_info] if as_json else []),
            render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        # One write a line, as several processes may share the stream; to whatever standard error is
        # then: a stream that was replaced may be closed by now.
        logger_factory=lambda *_: structlog.WriteLogger(sys.stderr),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(level=max(logging.WARNING, getattr(logging, level.upper())))


def _naming(worker: int) -> Any:
    def name(_: Any, __: str, event: Any) -> Any:
        return {"worker": worker, **event}

    return name
