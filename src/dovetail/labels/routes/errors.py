"""Errors in Label Studio's shape."""

import uuid
from typing import Any

import msgspec
from msgspec import UNSET
from starlette.exceptions import HTTPException
from starlette.responses import Response

from dovetail.base.errors import DovetailError
from dovetail.labels.errors import FieldError
from dovetail.web.piece import ErrorShape
from dovetail.web.problems import retry_headers, status_of
from dovetail.wire.label_studio.entities import ErrorBody

__all__ = ["ERRORS", "PREFIXES", "VERSION", "render"]

VERSION = "1.23.2"
"""Of the Label Studio whose protocol this is."""
PREFIXES = tuple(
    f"/api/{name}"
    for name in (
        "projects", "tasks", "annotations", "predictions", "drafts", "users", "current-user",
        "webhooks", "dm", "ml", "token", "import", "comments", "jwt",
    )
)  # fmt: skip


def render(error: Exception) -> Response:
    """Write an error as Label Studio does: a `detail`, and for bad fields `validation_errors`."""
    status = status_of(error)
    wrong: Any = UNSET
    if isinstance(error, FieldError):
        detail, wrong = "Validation error", {error.field: [str(error)]}
    elif isinstance(error, DovetailError):
        detail = str(error)
    elif isinstance(error, HTTPException):
        detail = str(error.detail)
    elif isinstance(error, msgspec.ValidationError | msgspec.DecodeError):
        detail, wrong = "Validation error", {"non_field_errors": [str(error)]}
    else:
        detail = "an unexpected error; the server's log says more"
    body = ErrorBody(
        id=str(uuid.uuid4()),
        status_code=status,
        version=VERSION,
        detail=detail,
        validation_errors=wrong,
    )
    headers = dict(error.headers or {}) if isinstance(error, HTTPException) else {}
    headers |= retry_headers(error)
    if status == 401:
        headers["WWW-Authenticate"] = 'Token realm="dovetail"'
    return Response(msgspec.json.encode(body), status, headers, media_type="application/json")


ERRORS = ErrorShape(PREFIXES, render)
