"""How far bringing a table online came, kept with the rows so that it can go on after a crash."""

from dataclasses import dataclass
from typing import Literal

__all__ = ["Progress", "State"]

State = Literal["running", "done", "failed"]


@dataclass(frozen=True)
class Progress:
    """One run over the table of a view.

    Attributes:
        view: Name of the view.
        start_us: First event time that is wanted.
        end_us: Last event time that is wanted.
        since_us: Rows that happened and were known by then were brought by an earlier run.
        mark: What the table was; a position means nothing in another one.
        position: Rows of the table that are done.
        total: Rows of the table.
        rows: Rows that were brought online.
        state: How it stands.
        at_us: When it last went on.
    """

    view: str
    start_us: int
    end_us: int
    since_us: int
    mark: str
    position: int
    total: int
    rows: int
    state: State
    at_us: int

    def is_same(self, other: "Progress") -> bool:
        """Whether two runs do the same over the same table."""
        wanted = (self.view, self.start_us, self.end_us, self.since_us, self.mark)
        return wanted == (other.view, other.start_us, other.end_us, other.since_us, other.mark)
