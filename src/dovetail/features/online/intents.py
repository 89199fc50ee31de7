"""A push to a table and online, written down before it is done."""

from dataclasses import dataclass

__all__ = ["Intent"]


@dataclass(frozen=True)
class Intent:
    """A push that is not over.

    Attributes:
        identity: Its name, which the table's commit bears.
        source: The source of its rows.
        at_us: When it came.
        columns: Its rows, as JSON of columns.
    """

    identity: str
    source: str
    at_us: int
    columns: str
