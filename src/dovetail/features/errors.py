"""The errors of the features piece.

```
DovetailError
├── InvalidInputError
│   ├── DefinitionError        a definition that cannot mean anything
│   └── RowsError              rows that a view or source cannot take
├── ConflictError
│   ├── BreakingChangeError    applying would break a model that takes a service
│   └── VersionNotLoadedError  another version of a service is loaded than is asked for
├── UnavailableError
│   └── StoreLostError         the shared online store does not answer
└── NotFoundError
    ├── ViewNotFoundError      no view of this name
    ├── ServiceNotFoundError   no feature service of this name
    ├── SourceNotFoundError    no source of this name
    └── FeatureNotFoundError   the view has no such feature
```
"""

from typing import ClassVar

from dovetail.base.errors import (
    ConflictError,
    InvalidInputError,
    NotFoundError,
    UnavailableError,
)


class DefinitionError(InvalidInputError):
    """A definition contradicts itself or another one."""

    code: ClassVar[str] = "feature-definition"


class RowsError(InvalidInputError):
    """Rows lack a column, or hold a value that the definitions do not allow."""

    code: ClassVar[str] = "feature-rows"


class BreakingChangeError(ConflictError):
    """Definitions would change what a model takes that is in use."""

    code: ClassVar[str] = "feature-breaking-change"


class VersionNotLoadedError(ConflictError):
    """A version of a service is asked for, and the definitions that are loaded differ from it."""

    code: ClassVar[str] = "feature-version-not-loaded"


class ViewNotFoundError(NotFoundError):
    """No feature view has the name."""

    code: ClassVar[str] = "feature-view-not-found"


class ServiceNotFoundError(NotFoundError):
    """No feature service has the name."""

    code: ClassVar[str] = "feature-service-not-found"


class SourceNotFoundError(NotFoundError):
    """No source has the name."""

    code: ClassVar[str] = "feature-source-not-found"


class FeatureNotFoundError(NotFoundError):
    """The view exists but has no feature of the name."""

    code: ClassVar[str] = "feature-not-found"


class StoreLostError(UnavailableError):
    """The online store that servers share does not answer, or holds nothing any more.

    Attributes:
        retry_after: Seconds after which it is worth asking again.
    """

    code: ClassVar[str] = "feature-store-lost"
    retry_after: ClassVar[int] = 1
