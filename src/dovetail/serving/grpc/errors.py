"""Errors as gRPC statuses: what `dovetail.web.problems` is to HTTP."""

from dovetail.base import telemetry
from dovetail.base.errors import DovetailError
from dovetail.serving.errors import UnknownModelError
from dovetail.wire.http import WireError

__all__ = ["STATUSES", "CallError", "status_of", "text_of"]

log = telemetry.logger("serving")

STATUSES = {
    "invalid-input": "INVALID_ARGUMENT",
    "unauthenticated": "UNAUTHENTICATED",
    "forbidden": "PERMISSION_DENIED",
    "untrusted": "PERMISSION_DENIED",
    "not-found": "NOT_FOUND",
    "conflict": "FAILED_PRECONDITION",
    "too-large": "RESOURCE_EXHAUSTED",
    "timed-out": "DEADLINE_EXCEEDED",
    "unavailable": "UNAVAILABLE",
    "integrity": "DATA_LOSS",
    "missing-extra": "UNIMPLEMENTED",
    "error": "INTERNAL",
}


class CallError(Exception):
    """A call that breaks gRPC's own rules.

    Attributes:
        code: name of the status.
    """

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


def status_of(error: BaseException) -> str:
    """Return the name of the gRPC status that an exception maps to."""
    if not isinstance(error, Exception):
        return "CANCELLED"
    if isinstance(error, CallError):
        return error.code
    if isinstance(error, UnknownModelError) and error.unloaded:
        return "UNAVAILABLE"
    if isinstance(error, DovetailError):
        for kind in type(error).__mro__:
            status = STATUSES.get(getattr(kind, "code", ""))
            if status is not None:
                return status
    return "UNAVAILABLE" if isinstance(error, WireError) else "INTERNAL"


def text_of(error: Exception, method: str) -> str:
    """Return what a caller is told; what nobody expected goes to the log instead."""
    if isinstance(error, DovetailError | WireError | CallError):
        return str(error)
    log.error("call failed", method=method, exc_info=error)
    return "an unexpected error; the server's log says more"
