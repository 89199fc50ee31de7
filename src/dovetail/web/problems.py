"""Errors as HTTP: RFC 9457 problem details, or the shape that a protocol prescribes.

This is the only place that knows which status belongs to which error code.
"""

import re
from collections.abc import Sequence

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from dovetail.base import telemetry
from dovetail.base.errors import DovetailError
from dovetail.web import pages
from dovetail.web.piece import ErrorShape
from dovetail.wire.http import Unreachable, WireError

__all__ = ["STATUSES", "ErrorRenderer", "problem", "retry_headers", "status_of"]

log = telemetry.logger("web")
MEDIA_TYPE = "application/problem+json"

STATUSES = {
    "invalid-input": 400,
    "settings": 400,
    "unauthenticated": 401,
    "forbidden": 403,
    "untrusted": 403,
    "not-found": 404,
    "conflict": 409,
    "too-large": 413,
    "unavailable": 503,
    "timed-out": 504,
    "integrity": 500,
    "missing-extra": 501,
    "error": 500,
}


def status_of(error: Exception) -> int:
    """Return the HTTP status that an exception maps to."""
    if isinstance(error, HTTPException):
        return error.status_code
    if isinstance(error, DovetailError):
        for kind in type(error).__mro__:
            code = getattr(kind, "code", None)
            if code in STATUSES:
                return STATUSES[code]
    if isinstance(error, Unreachable):
        return 503
    if isinstance(error, WireError):
        return 502
    if isinstance(error, msgspec.ValidationError | msgspec.DecodeError):
        return 400
    return 500


def retry_headers(error: Exception) -> dict[str, str]:
    """Return the header that says when to come again, if the error knows."""
    seconds = getattr(error, "retry_after", None)
    return {} if seconds is None else {"Retry-After": str(seconds)}


def problem(error: Exception) -> Response:
    """Write an exception as problem details (RFC 9457)."""
    status = status_of(error)
    body: dict[str, object] = {"type": "about:blank", "status": status}
    if isinstance(error, DovetailError):
        body |= {"type": f"urn:dovetail:{error.code}", "title": error.what, "detail": str(error)}
        if error.fix:
            body["fix"] = error.fix
        if field := getattr(error, "field", ""):
            body["field"] = field  # of the request, so that a form says it beside its field
    elif isinstance(error, HTTPException):
        body |= {"title": str(error.detail)}
    elif isinstance(error, WireError):
        body |= {"type": "urn:dovetail:upstream", "title": "an upstream service failed"}
        body["detail"] = str(error)
    elif status == 400:
        body |= {"type": "urn:dovetail:invalid-input", "title": "the request is not valid"}
        body["detail"] = str(error)
    else:
        body |= {"title": "an unexpected error; the server's log says more"}
    headers = dict(error.headers or {}) if isinstance(error, HTTPException) else {}
    headers |= retry_headers(error)
    if status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="dovetail"'
    return Response(msgspec.json.encode(body), status, headers, media_type=MEDIA_TYPE)


class ErrorRenderer:
    """Chooses the shape of an error by the path of its request.

    Args:
        shapes: the protocol shapes of the mounted pieces.
    """

    def __init__(self, shapes: Sequence[ErrorShape]) -> None:
        self._shapes = [
            (re.compile("|".join(f"{re.escape(p)}(?:/|$)" for p in shape.prefixes)), shape.render)
            for shape in shapes
        ]

    def render(self, path: str, error: Exception) -> Response:
        """Return the response for an error below `path`."""
        if status_of(error) == 500:
            log.error("request failed", path=path, exc_info=error)
        for pattern, render in self._shapes:
            if pattern.match(path):
                return render(error)
        return problem(error)

    async def handle(self, request: Request, error: Exception) -> Response:
        """Starlette's exception handler: a page for browsers, the path's shape for programs."""
        plain = self.render(request.url.path, error)
        wants_page = "text/html" in request.headers.get("accept", "")
        if not wants_page or not plain.headers["content-type"].startswith(MEDIA_TYPE):
            return plain
        facts = msgspec.json.decode(bytes(plain.body))
        return pages.problem_page(
            request,
            status=plain.status_code,
            title=facts["title"],
            detail=error.why if isinstance(error, DovetailError) else facts.get("detail", ""),
            fixes=[facts["fix"]] if "fix" in facts else [],
        )
