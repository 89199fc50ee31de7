"""Errors as MLflow's clients expect them: `{"error_code": ..., "message": ...}`."""

import msgspec
from starlette.exceptions import HTTPException
from starlette.responses import Response

from dovetail.base.errors import DovetailError
from dovetail.tracking.errors import TrackingError, UnknownEndpointError
from dovetail.web.piece import ErrorShape
from dovetail.web.problems import status_of
from dovetail.wire.mlflow import ErrorBody, ErrorCode, InvalidRequest

__all__ = ["ERRORS", "PREFIXES", "render"]

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


ERRORS = ErrorShape(PREFIXES, render)
