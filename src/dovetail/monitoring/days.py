"""Days as they are written in calls and on the command line."""

from datetime import date

from dovetail.monitoring.errors import DayInvalidError

__all__ = ["day_of"]


def day_of(text: str) -> str:
    """A day as the store writes it.

    Raises:
        DayInvalidError: It is none.

    Example:
        >>> day_of("2013-04-01")
        '2013-04-01'
    """
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError as error:
        raise DayInvalidError(
            f"'{text}' is not a day", why=str(error), fix="write it like 2013-04-01"
        ) from error
