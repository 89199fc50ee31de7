"""What can be wrong where people are concerned.

ForbiddenError
`- NotQualifiedError       label-not-qualified   a person may not label here, or not any more
ConflictError
`- AccountError            label-account         an invitation contradicts a token that exists
"""

from dovetail.base.errors import ConflictError, ForbiddenError

__all__ = ["AccountError", "NotQualifiedError"]


class NotQualifiedError(ForbiddenError):
    """A person may not label in a project, or not any more.

    Args:
        project: its number.
        why: where they stand.
    """

    code = "label-not-qualified"

    def __init__(self, project: int, why: str) -> None:
        super().__init__(
            f"you may not label in project {project} now",
            why=why,
            fix="ask a manager of the project",
        )


class AccountError(ConflictError):
    """An invitation contradicts a token that exists."""

    code = "label-account"
