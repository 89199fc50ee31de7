"""What the tracking server refuses, with the codes and the exact words of MLflow.

    DovetailError
    `- TrackingError                  INTERNAL_ERROR
       |- InvalidParameterError       INVALID_PARAMETER_VALUE    (ValueError)
       |  `- UnresolvedHostError
       |  `- UnusableSpansError       INVALID_PARAMETER_VALUE
       |- MissingResourceError        RESOURCE_DOES_NOT_EXIST    (LookupError)
       |- ExistingResourceError       RESOURCE_ALREADY_EXISTS
       |- InvalidStateError           INVALID_STATE
       |- ForbiddenChangeError        PERMISSION_DENIED          (PermissionError)
       |- UnknownEndpointError        ENDPOINT_NOT_FOUND
       `- UnsupportedError            NOT_IMPLEMENTED
    `- ConflictError
       `- PlanChangedError            (problem details)

Clients of MLflow match on `error_code` and print `message`, so both are part of the protocol: the
message is kept verbatim, without the full stop that `DovetailError` adds.
"""

from typing import ClassVar

from dovetail.base import errors

__all__ = [
    "ExistingResourceError",
    "ForbiddenChangeError",
    "InvalidParameterError",
    "InvalidStateError",
    "MissingResourceError",
    "PlanChangedError",
    "TrackingError",
    "UnknownEndpointError",
    "UnresolvedHostError",
    "UnsupportedError",
    "UnusableSpansError",
]


class TrackingError(errors.DovetailError):
    """Something that the MLflow protocol reports.

    Args:
        message: the words that the client shows.
    """

    code = "tracking"
    error_code: ClassVar[str] = "INTERNAL_ERROR"
    status: ClassVar[int] = 500

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    def __str__(self) -> str:
        return self.message


class InvalidParameterError(TrackingError, errors.InvalidInputError):
    """A request parameter is missing, malformed or out of range."""

    code = "tracking-invalid-parameter"
    error_code = "INVALID_PARAMETER_VALUE"
    status = 400


class UnresolvedHostError(InvalidParameterError):
    """The name server does not say where the host of a webhook is; that may pass."""

    code = "tracking-unresolved-host"


class UnusableSpansError(InvalidParameterError):
    """An export over OTLP is well-formed but does not say what is needed to keep it."""

    code = "tracking-unusable-spans"
    status = 422


class MissingResourceError(TrackingError, errors.NotFoundError):
    """The experiment, run, model, version, alias or tag does not exist."""

    code = "tracking-missing-resource"
    error_code = "RESOURCE_DOES_NOT_EXIST"
    status = 404


class ExistingResourceError(TrackingError, errors.ConflictError):
    """The name is taken."""

    code = "tracking-existing-resource"
    error_code = "RESOURCE_ALREADY_EXISTS"
    status = 400


class InvalidStateError(TrackingError, errors.ConflictError):
    """The thing exists but its state forbids the change."""

    code = "tracking-invalid-state"
    error_code = "INVALID_STATE"
    status = 500


class ForbiddenChangeError(TrackingError, errors.ForbiddenError):
    """The caller may not make the change."""

    code = "tracking-forbidden"
    error_code = "PERMISSION_DENIED"
    status = 403


class UnknownEndpointError(TrackingError, errors.NotFoundError):
    """No endpoint of this server has the path and method."""

    code = "tracking-unknown-endpoint"
    error_code = "ENDPOINT_NOT_FOUND"
    status = 404


class UnsupportedError(TrackingError):
    """The endpoint exists in MLflow but not here."""

    code = "tracking-unsupported"
    error_code = "NOT_IMPLEMENTED"
    status = 501


class PlanChangedError(errors.ConflictError):
    """What a confirmed plan would remove is no longer what it was."""

    code = "tracking-plan-changed"

    def __init__(self) -> None:
        super().__init__(
            "nothing was removed: the store is no longer what the plan says",
            why="something was restored, deleted, registered or uploaded since, "
            "or the request is another than the plan's",
            fix="plan again, look at it, and confirm the new plan",
        )
