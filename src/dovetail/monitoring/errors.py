"""Errors of the monitoring piece.

DovetailError
|- InvalidInputError
|  |- EventInvalidError       event-invalid
|  |- ReferenceInvalidError   reference-invalid
|  |- RowsInvalidError        rows-invalid
|  |- AlertStatusError        alert-status
|  |- SilenceInvalidError     silence-invalid
|  |- ExpectationError        expectation-invalid
|  |- SettingsError
|  |  |- RulesInvalidError    rules-invalid
|  |  `- TablesInvalidError   tables-invalid
|  |- ChoiceInvalidError      choice-invalid
|  `- DayInvalidError         day-invalid
`- NotFoundError
   |- ModelUnknownError       model-unknown
   |- ProfileEmptyError       profile-empty
   |- ProfileUnknownError     profile-unknown
   |- ReferenceUnknownError   reference-unknown
   |- RequestUnknownError     request-unknown
   `- AlertUnknownError       alert-unknown
"""

from collections.abc import Sequence
from pathlib import Path

from dovetail.base.errors import InvalidInputError, NotFoundError, SettingsError


class EventInvalidError(InvalidInputError):
    """An event breaks its type's rules; nothing of the call was stored."""

    code = "event-invalid"


class ReferenceInvalidError(InvalidInputError):
    """A reference sample cannot be summarised."""

    code = "reference-invalid"


class RowsInvalidError(InvalidInputError):
    """Answers and labels cannot be measured as they are."""

    code = "rows-invalid"


class DayInvalidError(InvalidInputError):
    """A day or a range of days is not one."""

    code = "day-invalid"


class ModelUnknownError(NotFoundError):
    """No event has named this model yet."""

    code = "model-unknown"

    def __init__(self, model: str) -> None:
        super().__init__(
            f"no payload event has named the model '{model}' yet",
            fix="send its payload log to /monitoring/events, or check the name",
        )


class ProfileEmptyError(NotFoundError):
    """There are no rows to make a profile of."""

    code = "profile-empty"

    def __init__(self, model: str, version: str) -> None:
        super().__init__(
            f"no features of version '{version}' of the model '{model}' came in these days",
            fix="choose other days; /monitoring/models lists the first and the last",
        )


class ProfileUnknownError(NotFoundError):
    """No profile is kept with a model in the registry."""

    code = "profile-unknown"

    def __init__(self, uri: str, why: str) -> None:
        super().__init__(
            f"no monitoring profile is kept with {uri}",
            why=why,
            fix="log one with `dovetail monitoring profile log`, or where the model is trained",
        )


class ReferenceUnknownError(NotFoundError):
    """A version has no reference."""

    code = "reference-unknown"

    def __init__(self, model: str, version: str, known: Sequence[str]) -> None:
        said = ", ".join(f"'{one}'" for one in known[:6]) or "none"
        super().__init__(
            f"there is no reference of version '{version}' of the model '{model}'",
            why=f"versions that have one: {said}",
            fix="name one of them with ?version=, or put a reference",
        )


class RequestUnknownError(NotFoundError):
    """Nothing is kept of a request."""

    code = "request-unknown"

    def __init__(self, model: str, request_id: str) -> None:
        super().__init__(
            f"nothing is kept of a request '{request_id}' of the model '{model}'",
            why="no event has named it, or its day is older than keep_days",
        )


class AlertUnknownError(NotFoundError):
    """There is no alert with this id."""

    code = "alert-unknown"

    def __init__(self, alert: str) -> None:
        super().__init__(f"there is no alert '{alert}'", fix="list them at /monitoring/alerts")


class AlertStatusError(InvalidInputError):
    """Alerts were asked for by a status that there is not."""

    code = "alert-status"

    def __init__(self, status: str) -> None:
        super().__init__(
            f"there is no status '{status}'", fix="use open, acknowledged, resolved or active"
        )


class ChoiceInvalidError(InvalidInputError):
    """Predictions were asked for by a role that there is not."""

    code = "choice-invalid"


class SilenceInvalidError(InvalidInputError):
    """A silence has no reason or no end, or an end that has passed."""

    code = "silence-invalid"


class ExpectationError(InvalidInputError):
    """An alert was marked as expected that no new reference answers."""

    code = "expectation-invalid"

    def __init__(self, kind: str) -> None:
        super().__init__(
            f"an alert of the kind '{kind}' is not answered by a new reference",
            fix="resolve it, or say in a rule what is to be expected",
        )


class RulesInvalidError(SettingsError):
    """A file of alert rules cannot be used."""

    code = "rules-invalid"

    def __init__(self, path: Path | None, what: str, why: str = "") -> None:
        said = f"{path}: {what}" if path else what
        super().__init__(
            said, why=why, fix="correct it and try `dovetail monitoring check` on the file"
        )


class TablesInvalidError(SettingsError):
    """A file of tables to read cannot be used."""

    code = "tables-invalid"

    def __init__(self, path: Path, what: str, why: str = "") -> None:
        super().__init__(f"{path}: {what}", why=why, fix="correct the file and start again")
