"""Errors as MLflow's clients expect them: `{"error_code": ..., "message": ...}`."""

import msgspec
from starlette.exceptions import HTTPException
from starlette.responses import Response

from dovetail.base.errors import DovetailError
from dovetail.tracking.errors import TrackingError, UnknownEndpointError
from dovetail.web.piece import ErrorShape
from dovetail.web.problems import status_of
from dovetail.wire.mlflow import ErrorBody, ErrorCode, InvalidRequest
from dovetail.wire.otlp import PATH, status_json

__all__ = ["ERRORS", "EXPORT_ERRORS", "PREFIXES", "grpc_code", "message_of", "render"]

PREFIXES = (
    "/api/2.0/mlflow",
    "/api/2.0/mlflow-artifacts",
    "/api/2.0/preview/mlflow",
    "/api/3.0/mlflow",
    "/ajax-api/2.0/mlflow",
    "/ajax-api/2.0/mlflow-artifacts",
    "/ajax-api/3.0/mlflow",
    "/get-artifact",
    "/model-versions/get-artifact",
)
_BY_STATUS = {
    400: ErrorCode.BAD_REQUEST,
    401: ErrorCode.UNAUTHENTICATED,
    403: ErrorCode.PERMISSION_DENIED,
    404: ErrorCode.ENDPOINT_NOT_FOUND,
    405: ErrorCode.ENDPOINT_NOT_FOUND,
    409: ErrorCode.RESOURCE_CONFLICT,
    413: ErrorCode.INVALID_PARAMETER_VALUE,
    503: ErrorCode.TEMPORARILY_UNAVAILABLE,
}


def render(error: Exception) -> Response:
    """Write any exception in MLflow's shape."""
    if isinstance(error, TrackingError):
        return _response(error.status, error.error_code, error.message)
    if isinstance(error, InvalidRequest):
        return _response(error.code.status, error.code, error.message)
    status = status_of(error)
    code = _BY_STATUS.get(status, ErrorCode.INTERNAL_ERROR)
    headers: dict[str, str] = {}
    if isinstance(error, HTTPException):
        headers = dict(error.headers or {})
        message = str(error.detail)
        if status in (404, 405):
            message = UnknownEndpointError("This server has no such endpoint.").message
    elif isinstance(error, DovetailError):
        message = str(error)
    else:
        message = "An unexpected error; the server's log says more."
    if status == 401:
        headers["WWW-Authenticate"] = 'Basic realm="mlflow", Bearer realm="dovetail"'
    return _response(status, code, message, headers)


def _response(
    status: int, code: str, message: str, headers: dict[str, str] | None = None
) -> Response:
    body = msgspec.json.encode(ErrorBody(code, message))
    return Response(body, status, headers, media_type="application/json")


def message_of(error: Exception) -> str:
    """Return what may be said of any exception to whoever caused it."""
    if isinstance(error, TrackingError | InvalidRequest):
        return error.message
    if isinstance(error, HTTPException):
        return str(error.detail)
    if isinstance(error, DovetailError):
        return str(error)
    return "An unexpected error; the server's log says more."


def _render_export(error: Exception) -> Response:
    """Write what kept an export from its route, such as a missing token, as OTLP asks."""
    status = status_of(error)
    headers = dict(error.headers or {}) if isinstance(error, HTTPException) else {}
    if status == 401:
        headers["WWW-Authenticate"] = 'Basic realm="mlflow"'
    body = status_json(message_of(error), grpc_code(status))
    return Response(body, status, headers, media_type="application/json")


def grpc_code(status: int) -> int:
    """Return the `google.rpc.Code` that goes with an HTTP status."""
    return _GRPC.get(status, 13)


_GRPC = {400: 3, 401: 16, 403: 7, 404: 5, 405: 12, 413: 8, 422: 3, 503: 14}

ERRORS = ErrorShape(PREFIXES, render)
EXPORT_ERRORS = ErrorShape((PATH,), _render_export)
