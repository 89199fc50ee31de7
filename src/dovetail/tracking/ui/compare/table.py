"""The table of a comparison: a row for each thing that was logged, a column for each run.

What all runs share says nothing about why they differ, so it is left out unless it is asked for.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy.engine import Connection, Row

from dovetail.tracking.store import run_columns
from dovetail.tracking.store.run_columns import Cells, Keys
from dovetail.tracking.ui.columns import digits_of, is_system
from dovetail.tracking.ui.experiment import duration_of

__all__ = ["Compared", "Fact", "Group", "compared_of", "groups_of"]

MOST = 400
Value = float | str | None


class Fact(msgspec.Struct, frozen=True):
    """One row.

    Attributes:
        name: as a filter names it, such as `params.lr`.
        key: what its head says.
        values: one for each run.
        differs: whether the runs have more than one value.
        marks: for each run what is special: `other` than most, the `low` or the `high` one.
        digits: decimals of a metric; None where the values are text.
    """

    name: str
    key: str
    values: list[Value]
    differs: bool
    marks: list[str]
    digits: int | None = None


class Group(msgspec.Struct, frozen=True):
    """Rows of one kind, and how many were left out because all runs share them."""

    title: str
    facts: list[Fact]
    shared: int


class Compared(msgspec.Struct, frozen=True):
    """The runs of a comparison with all that they logged."""

    rows: list[Any]
    cells: dict[int, Cells]
    keys: Keys

    def column(self, name: str) -> list[Value]:
        """Return the values of a parameter, metric, tag or attribute, one for each run."""
        group, dot, key = name.partition(".")
        if dot:
            return [getattr(self.cells[row.id], group).get(key) for row in self.rows]
        if name == "took":
            return [duration_of(row.start_time, row.end_time) for row in self.rows]
        return [float(row.start_time) if row.start_time else None for row in self.rows]


def compared_of(c: Connection, rows: Sequence[Row[Any]]) -> Compared:
    """Read what runs logged."""
    ids = {row.id: row.run_id for row in rows}
    keys = run_columns.keys_in(c, list(ids))
    return Compared(list(rows), run_columns.cells(c, ids, keys), keys)


def groups_of(found: Compared, *, every: bool) -> list[Group]:
    """Return the rows of the table.

    Args:
        found: the runs.
        every: whether to show what all runs share.
    """
    labels = [key for key in found.keys.tags if not is_system(key)]
    datasets = [", ".join(found.cells[row.id].datasets) or None for row in found.rows]
    groups = [
        ("Attributes", _attributes(found)),
        ("Parameters", _facts(found, "params", sorted(found.keys.params))),
        ("Metrics", _facts(found, "metrics", sorted(found.keys.metrics))),
        ("Tags", _facts(found, "tags", sorted(labels))),
        ("Datasets", [_fact("datasets", "Datasets", datasets)] if any(datasets) else []),
    ]
    shown = []
    for title, facts in groups:
        kept = [fact for fact in facts if every or fact.differs][:MOST]
        shown.append(Group(title, kept, len(facts) - len(kept)))
    return [group for group in shown if group.facts or group.shared]


def _attributes(found: Compared) -> list[Fact]:
    rows = found.rows
    seconds = found.column("took")
    return [
        _fact("user", "User", [row.user_id or None for row in rows]),
        _fact("took", "Took", seconds, digits=0),
    ]


def _facts(found: Compared, group: str, keys: Iterable[str]) -> list[Fact]:
    facts = []
    for key in keys:
        values = found.column(f"{group}.{key}")
        digits = digits_of(_numbers(values)) if group == "metrics" else None
        facts.append(_fact(f"{group}.{key}", key, values, digits))
    return facts


def _fact(name: str, key: str, values: list[Any], digits: int | None = None) -> Fact:
    differs = len(set(values)) > 1
    marks = [""] * len(values)
    if differs:
        marks = _extremes(values) if digits is not None else _others(values)
    return Fact(name, key, values, differs, marks, digits)


def _others(values: Sequence[Value]) -> list[str]:
    counted: Mapping[Value, int] = Counter(values)
    usual, count = max(counted.items(), key=lambda item: item[1])
    if 2 * count <= len(values):
        return [""] * len(values)
    return ["" if value == usual else "other" for value in values]


def _extremes(values: Sequence[Value]) -> list[str]:
    held = _numbers(values)
    if len(set(held)) < 2:
        return [""] * len(values)
    low, high = min(held), max(held)
    return ["low" if value == low else "high" if value == high else "" for value in values]


def _numbers(values: Sequence[Value]) -> list[float]:
    return [value for value in values if isinstance(value, float)]
