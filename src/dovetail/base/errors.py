"""The error tree of the whole house.

    DovetailError                   error
    |- InvalidInputError            invalid-input     (ValueError)
    |  `- SettingsError             settings
    |- NotFoundError                not-found         (LookupError)
    |- ConflictError                conflict
    |- UnauthenticatedError         unauthenticated
    |- ForbiddenError               forbidden         (PermissionError)
    |- UntrustedError               untrusted         (PermissionError)
    |- TooLargeError                too-large         (ValueError)
    |- UnavailableError             unavailable       (ConnectionError)
    |- TimedOutError                timed-out         (TimeoutError)
    |- IntegrityError               integrity
    `- MissingExtraError            missing-extra     (ImportError)

An error states what failed and on which thing, then the likely cause, then the next step. Pieces
subclass these in their own `errors.py`; only `dovetail.web` maps codes to HTTP statuses and only
`dovetail.cli` maps them to exit codes.
"""

from typing import ClassVar

__all__ = [
    "ConflictError",
    "DovetailError",
    "ForbiddenError",
    "IntegrityError",
    "InvalidInputError",
    "MissingExtraError",
    "NotFoundError",
    "SettingsError",
    "TimedOutError",
    "TooLargeError",
    "UnauthenticatedError",
    "UnavailableError",
    "UntrustedError",
]


class DovetailError(Exception):
    """Anything that Dovetail reports to a person.

    Args:
        what: what failed and on which thing, without a full stop.
        why: the likely cause.
        fix: the next command or step.

    Example:
        >>> str(DovetailError("port 8080 is taken", fix="choose another with --port"))
        'port 8080 is taken. choose another with --port.'
    """

    code: ClassVar[str] = "error"

    def __init__(self, what: str, *, why: str = "", fix: str = "") -> None:
        self.what, self.why, self.fix = what, why, fix
        super().__init__(" ".join(_sentence(part) for part in (what, why, fix) if part))


def _sentence(text: str) -> str:
    return text if text.endswith(("?", "!")) else f"{text.rstrip('.')}."


class InvalidInputError(DovetailError, ValueError):
    """What was given cannot be used as it is."""

    code = "invalid-input"


class SettingsError(InvalidInputError):
    """A setting is unknown, of the wrong type or out of range."""

    code = "settings"


class NotFoundError(DovetailError, LookupError):
    """The thing that was named does not exist."""

    code = "not-found"


class ConflictError(DovetailError):
    """The change contradicts what is already there."""

    code = "conflict"


class UnauthenticatedError(DovetailError):
    """The caller did not say, or could not prove, who they are."""

    code = "unauthenticated"


class ForbiddenError(DovetailError, PermissionError):
    """The caller is known but may not do this."""

    code = "forbidden"


class UntrustedError(DovetailError, PermissionError):
    """The input could execute code and its source is not marked trusted."""

    code = "untrusted"


class TooLargeError(DovetailError, ValueError):
    """The input is over a size limit."""

    code = "too-large"


class UnavailableError(DovetailError, ConnectionError):
    """Something that is needed does not answer."""

    code = "unavailable"


class TimedOutError(DovetailError, TimeoutError):
    """What was asked for was not done in the time that it was given."""

    code = "timed-out"


class IntegrityError(DovetailError):
    """Stored data is not what was recorded."""

    code = "integrity"


class MissingExtraError(DovetailError, ImportError):
    """An optional library is not installed.

    Args:
        feature: what the user wanted to do.
        module: the module that is missing.
        extra: the extra of the distribution that brings it.
    """

    code = "missing-extra"

    def __init__(self, feature: str, module: str, extra: str) -> None:
        self.feature, self.module, self.extra = feature, module, extra
        super().__init__(
            f"{feature} needs the library '{module}', which is not installed",
            fix=f"from a clone, run: pip install '.[{extra}]'",
        )
