"""What can be known of the world when a question is asked: one stream a table and time.

A stream is a source of feature views with the columns worth looking at. The table of the
questions is itself the past of later questions, once for every time at which more of its rows
becomes known. A row of it is never known before its own question was asked.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from dovetail.features.frames import prepared
from dovetail.features.sources import Source
from dovetail.features.suggest.tables import Table
from dovetail.features.suggest.task import Task

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class Stream:
    """A source with what is worth taking from it.

    Attributes:
        source: The source, as definitions will name it.
        rows: Its rows, each event once, with the two times in microseconds.
        table: Where it comes from.
        keys: Columns that questions have too.
        columns: Columns whose values may become features.
        is_own: Whether it is the past of the questions themselves.
    """

    source: Source
    rows: "pl.DataFrame"
    table: Table
    keys: tuple[str, ...]
    columns: tuple[str, ...]
    is_own: bool = False

    @cached_property
    def numbers(self) -> tuple[str, ...]:
        """Columns of numbers and of true and false."""
        usable = (*self.table.numbers, *self.table.flags)
        return tuple(c for c in self.columns if c in usable)

    @cached_property
    def categories(self) -> tuple[str, ...]:
        """Columns that name one of several things."""
        return tuple(c for c in self.columns if c in self.table.categories)

    @property
    def is_timeless(self) -> bool:
        """Whether its rows have always been known."""
        return not self.source.event_time


def own_streams(task: Task, identity: Sequence[str]) -> list[Stream]:
    """Return the past of the questions: as they were asked, and as more became known.

    Args:
        task: The questions.
        identity: Columns that identify a row; none where nothing does.
    """
    asked = _own(task, identity, task.asked, ())
    later = [
        _own(task, identity, moment, [c for c, at in task.known.items() if at == moment])
        for moment in task.moments
    ]
    return [asked, *later]


def _own(task: Task, identity: Sequence[str], moment: str, columns: Sequence[str]) -> Stream:
    table, told = task.table, f"{moment}_told"
    later = moment if moment == task.asked else f"greatest({moment}, {task.asked})"
    source = table.kind(
        f"{table.name}_{moment}",
        path=table.path,
        event_time=moment,
        known_at=told,
        id=tuple(identity),
        derive={told: f"{later} + interval '1 microsecond'"},
    )
    usable = tuple(c for c in columns if c not in table.times)
    rows = prepared(table.frame, source, (*task.keys, *usable, moment))
    return Stream(source, rows, table, task.keys, usable, is_own=True)


def stream_of(
    table: Table, task: Task, renamed: Mapping[str, str], times: Mapping[str, str]
) -> Stream:
    """Return what another table tells.

    Args:
        table: The table.
        task: The questions.
        renamed: For a key of the questions, the column of the table that holds it.
        times: Name of the event time of a table, by its name, where it was said.
    """
    derive = {key: column for key, column in renamed.items() if key != column}
    event, known = _times_of(table, times.get(table.name, ""))
    keys = tuple(renamed)
    if event:
        found = identity_of(table, [*renamed.values(), event])
        identity = tuple(next((k for k, c in derive.items() if c == i), i) for i in found)
    else:
        identity = keys
    source = table.kind(
        table.name,
        path=table.path,
        event_time=event,
        known_at=known if known != event else "",
        id=identity,
        derive=derive,
    )
    used = {*renamed.values(), event, known, *table.times}
    columns = tuple(c for c in table.frame.columns if c not in used)
    rows = prepared(table.frame, source, (*keys, *columns, *([event] if event else [])))
    return Stream(source, rows, table, keys, columns)


def identity_of(table: Table, hints: Sequence[str]) -> tuple[str, ...]:
    """Return the fewest columns that tell the rows of a table apart; none if none do."""
    named = [c for c in table.frame.columns if c in (*table.categories, *table.numbers)]
    for name in named:
        if not table.frame.schema[name].is_float() and table.is_unique([name]):
            return (name,)
    chosen = list(dict.fromkeys(hints))
    if not table.is_unique(chosen):
        return ()
    for name in list(chosen):
        fewer = [c for c in chosen if c != name]
        if fewer and table.is_unique(fewer):
            chosen = fewer
    return tuple(chosen)


def _times_of(table: Table, said: str) -> tuple[str, str]:
    """Return when a row happened and when it was known, of its columns of times.

    What happened comes first and is known last: of several columns the one that is mostly
    the earliest, and the one that is mostly the latest.
    """
    import polars as pl

    if not table.times:
        return "", ""
    if len(table.times) == 1 or said:
        only = said or table.times[0]
        return only, only
    means = table.frame.select(
        pl.col(c).cast(pl.Datetime("us")).dt.epoch("us").cast(pl.Float64).mean()
        for c in table.times
    ).row(0)
    order = sorted(zip(means, table.times, strict=True), key=lambda pair: pair[0] or 0.0)
    return order[0][1], order[-1][1]
