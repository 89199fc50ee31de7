"""MLflow's error codes, their HTTP statuses, and the body that carries them.

From ``databricks.proto`` and ``mlflow/exceptions.py``. A code that MLflow gives no status goes out
as 500, as MLflow does it.
"""

from enum import StrEnum

import msgspec


class ErrorCode(StrEnum):
    """The codes that a server of the classic API answers with."""

    ABORTED = "ABORTED"
    ALREADY_EXISTS = "ALREADY_EXISTS"
    BAD_REQUEST = "BAD_REQUEST"
    CANCELLED = "CANCELLED"
    CUSTOMER_UNAUTHORIZED = "CUSTOMER_UNAUTHORIZED"
    DATA_LOSS = "DATA_LOSS"
    DEADLINE_EXCEEDED = "DEADLINE_EXCEEDED"
    ENDPOINT_NOT_FOUND = "ENDPOINT_NOT_FOUND"
    INTERNAL_ERROR = "INTERNAL_ERROR"
    INVALID_PARAMETER_VALUE = "INVALID_PARAMETER_VALUE"
    INVALID_STATE = "INVALID_STATE"
    NOT_FOUND = "NOT_FOUND"
    NOT_IMPLEMENTED = "NOT_IMPLEMENTED"
    PERMISSION_DENIED = "PERMISSION_DENIED"
    REQUEST_LIMIT_EXCEEDED = "REQUEST_LIMIT_EXCEEDED"
    RESOURCE_ALREADY_EXISTS = "RESOURCE_ALREADY_EXISTS"
    RESOURCE_CONFLICT = "RESOURCE_CONFLICT"
    RESOURCE_DOES_NOT_EXIST = "RESOURCE_DOES_NOT_EXIST"
    RESOURCE_EXHAUSTED = "RESOURCE_EXHAUSTED"
    TEMPORARILY_UNAVAILABLE = "TEMPORARILY_UNAVAILABLE"
    UNAUTHENTICATED = "UNAUTHENTICATED"

    @property
    def status(self) -> int:
        """The HTTP status that goes with the code."""
        return HTTP_STATUS[self]


HTTP_STATUS: dict[ErrorCode, int] = {
    ErrorCode.ABORTED: 409,
    ErrorCode.ALREADY_EXISTS: 409,
    ErrorCode.BAD_REQUEST: 400,
    ErrorCode.CANCELLED: 499,
    ErrorCode.CUSTOMER_UNAUTHORIZED: 401,
    ErrorCode.DATA_LOSS: 500,
    ErrorCode.DEADLINE_EXCEEDED: 504,
    ErrorCode.ENDPOINT_NOT_FOUND: 404,
    ErrorCode.INTERNAL_ERROR: 500,
    ErrorCode.INVALID_PARAMETER_VALUE: 400,
    ErrorCode.INVALID_STATE: 500,
    ErrorCode.NOT_FOUND: 404,
    ErrorCode.NOT_IMPLEMENTED: 501,
    ErrorCode.PERMISSION_DENIED: 403,
    ErrorCode.REQUEST_LIMIT_EXCEEDED: 429,
    ErrorCode.RESOURCE_ALREADY_EXISTS: 400,
    ErrorCode.RESOURCE_CONFLICT: 409,
    ErrorCode.RESOURCE_DOES_NOT_EXIST: 404,
    ErrorCode.RESOURCE_EXHAUSTED: 429,
    ErrorCode.TEMPORARILY_UNAVAILABLE: 503,
    ErrorCode.UNAUTHENTICATED: 401,
}


class ErrorBody(msgspec.Struct, frozen=True):
    """The JSON of every MLflow error answer; clients decide by ``error_code``."""

    error_code: str
    message: str


class InvalidRequest(ValueError):
    """A request that does not fit its message, in the words that MLflow uses.

    Attributes:
        code: The error code to answer with.
        message: The text to answer with.
    """

    def __init__(self, message: str, code: ErrorCode = ErrorCode.INVALID_PARAMETER_VALUE) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
