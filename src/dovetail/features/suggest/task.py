"""What is to be predicted, of which rows, asked when, and what is known of them then.

The one thing that no program can find out by looking is which columns of a row were known
when the question was asked. So they are told: `given` columns are known then, `known` ones at
a time that another column holds, and what is in neither is never used.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cached_property
from typing import TYPE_CHECKING

from dovetail.features.errors import RowsError
from dovetail.features.frames import microseconds
from dovetail.features.suggest.tables import Table

if TYPE_CHECKING:
    import polars as pl

FEWEST_SPANS = 7
ALWAYS = 0.95


@dataclass(frozen=True)
class Task:
    """The questions, and what is known of them when.

    Attributes:
        table: The table whose rows are the questions.
        label: The column to predict.
        asked: The column that tells when a row's question is asked.
        given: Columns that are known when it is asked.
        known: The time column at which a column becomes known, by column.
    """

    table: Table
    label: str
    asked: str
    given: tuple[str, ...]
    known: Mapping[str, str]

    @cached_property
    def moments(self) -> tuple[str, ...]:
        """The time columns at which more of a row becomes known."""
        return tuple(dict.fromkeys(self.known.values()))

    @cached_property
    def unused(self) -> tuple[str, ...]:
        """Columns of which nothing says when they are known."""
        said = {self.label, self.asked, *self.given, *self.known, *self.known.values()}
        return tuple(c for c in self.table.frame.columns if c not in said)

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """Given columns whose values come back, so that the past of a value can be looked up.

        What the time of asking alone decides, such as the weekday, has no past of its own.
        """
        rows, found = self.table.frame, []
        texts = set(self.table.categories)
        for name in self.given:
            kind = rows.schema[name]
            if name in texts or kind.is_integer():
                distinct = rows[name].n_unique()
                if 1 < distinct <= rows.height / 2 and not self._is_calendar(name):
                    found.append(name)
        return tuple(found)

    def _is_calendar(self, name: str) -> bool:
        """Say whether rows asked at one time, or on one day, have one value."""
        import polars as pl

        at = pl.from_epoch(self.asked_us(), time_unit="us")
        rows = self.table.frame.select(pl.col(name), at=at, day=at.dt.truncate("1d"))
        for span in ("at", "day"):
            groups = rows.group_by(span).agg(pl.len(), values=pl.col(name).n_unique())
            several = groups.filter(pl.col("len") > 1)
            same = (several["values"] == 1).sum()
            if several.height >= FEWEST_SPANS and same > ALWAYS * several.height:
                return True
        return False

    def asked_us(self) -> "pl.Series":
        """When each question is asked, in microseconds."""
        frame = self.table.frame
        return frame.select(microseconds(frame, self.asked).alias("asked")).to_series()


def task_of(
    table: Table, label: str, asked: str, given: Sequence[str], known: Mapping[str, str]
) -> Task:
    """Check what was said of the question's columns.

    Args:
        table: The table whose rows are the questions.
        label: The column to predict.
        asked: When a question is asked; may be empty where only one time column is not the
            time at which something becomes known.
        given: Names and patterns (`*`) of columns known then.
        known: The time column at which a column becomes known, by column.

    Raises:
        RowsError: A column does not exist, is no time, or is said to be known twice.
    """
    columns = table.frame.columns
    _check_columns(table, [label, *known, *known.values(), *([asked] if asked else [])])
    for name in {*known.values(), *([asked] if asked else [])}:
        if name not in table.times:
            raise RowsError(
                f"Column {name!r} of {table.name} holds {table.frame.schema[name]}, not times"
            )
    later = {label, *known, *known.values()}
    asked = asked or _only_time(table, later)
    chosen = [c for pattern in given for c in columns if fnmatch(c, pattern)]
    if wrong := [p for p in given if not any(fnmatch(c, p) for c in columns)]:
        raise RowsError(f"{table.name} has no column {', '.join(wrong)}", fix=f"It has {columns}")
    if both := [c for c in given if c in later]:
        raise RowsError(f"{', '.join(both)} cannot be known when asked and later too")
    kept = tuple(dict.fromkeys(c for c in chosen if c not in later and c != asked))
    return Task(table, label, asked, kept, dict(known))


def _check_columns(table: Table, names: Sequence[str]) -> None:
    if missing := sorted({n for n in names if n not in table.frame.columns}):
        raise RowsError(
            f"{table.name} has no column {', '.join(missing)}",
            fix=f"It has {', '.join(table.frame.columns)}",
        )


def _only_time(table: Table, later: set[str]) -> str:
    """Return the time column that can only be the time of asking."""
    candidates = [c for c in table.times if c not in later]
    if len(candidates) != 1:
        raise RowsError(
            f"Which column of {table.name} tells when a question is asked?",
            why=f"Its times are {', '.join(table.times) or 'none'}",
            fix="Name it with --asked",
        )
    return candidates[0]
