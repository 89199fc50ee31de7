"""Is it the data or the world: what of a finding looks like a broken feed, in words.

A feed that stopped, a column of another type, one value everywhere or far fewer rows than usual
are mended where the data comes from; no retraining helps. Each clue compares the day with the
reference, or with the days before, by a rule that a reader can check.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dovetail.monitoring.columns import ColumnProfile, Values
from dovetail.monitoring.units import rescaled
from dovetail.wire.monitoring import ColumnDrift

__all__ = ["copied", "data_clues"]

_GONE = 0.5
_FEW = 0.3
_FEWEST = 20
_USUAL_DAYS = 3
_COPIED = 0.3
_MOST_ROWS = 20_000


def data_clues(
    profiles: Sequence[ColumnProfile],
    guilty: Sequence[ColumnDrift],
    columns: Mapping[str, Values],
    rows: int,
    before: Sequence[int],
    then: Mapping[str, Values],
) -> list[str]:
    """What looks like a broken feed, none where nothing does.

    Args:
        profiles: The columns of the reference.
        guilty: The columns that the finding names.
        columns: The day's values.
        rows: Rows of the day.
        before: Rows of the days before it, for what is usual.
        then: Values of the days before the change, empty where there are none.
    """
    known = {profile.name: profile for profile in profiles}
    found = []
    for one in guilty:
        profile = known.get(one.column)
        if profile is not None and one.column != "(prediction)":
            clue = _column_clue(profile, columns.get(one.column))
            found += [clue] if clue else []
    copies = copied(columns)
    if copies - copied(then) > _COPIED:
        found.append(f"duplicated batch: {copies:.0%} of the rows are copies of others of the day")
    usual = float(np.median(before)) if len(before) >= _USUAL_DAYS else 0.0
    if rows < _FEW * usual:
        found.append(f"volume drop: {rows:,} rows where {usual:,.0f} a day are usual")
    return found


def _column_clue(profile: ColumnProfile, values: Values | None) -> str:
    name = profile.name
    if values is None or len(values) == 0:
        return f"missing feed: column {name} is no longer sent"
    shares = np.asarray(profile.counts) / max(profile.rows, 1)
    missing = float(np.mean(_is_missing(values)))
    if missing - shares[-1] > _GONE:
        return f"missing feed: {missing:.0%} of {name} is missing, {shares[-1]:.0%} before"
    texts = isinstance(values, list)
    if profile.kind == "numeric" and texts:
        return f"type change: {name} was a number and holds texts"
    if profile.kind == "category" and not texts:
        return f"type change: {name} was a category and holds numbers"
    constant = _constant(values)
    if constant is not None and max(shares[:-1]) < 1 - _FEW:
        return f"constant column: {name} is always {constant}"
    return "" if isinstance(values, list) else rescaled(profile, values)


def copied(columns: Mapping[str, Values]) -> float:
    """The share of rows that equal an earlier row in all columns, of the first 20,000.

    Example:
        >>> copied({"wind": np.array([1.0, 2.0, 1.0, 3.0]), "origin": ["a", "b", "a", "c"]})
        0.25
    """
    rows = min((len(values) for values in columns.values()), default=0)
    rows = min(rows, _MOST_ROWS)
    if rows < 2:
        return 0.0
    codes = [
        np.unique(
            np.array([v or "" for v in values[:rows]])
            if isinstance(values, list)
            else np.nan_to_num(values[:rows], nan=np.inf),
            return_inverse=True,
        )[1]
        for values in columns.values()
    ]
    return 1 - len(np.unique(np.stack(codes, axis=1), axis=0)) / rows


def _is_missing(values: Values) -> Any:
    if isinstance(values, list):
        return [value is None for value in values]
    return np.isnan(values)


def _constant(values: Values) -> str | None:
    """The one value that there is, None where there are several or few rows."""
    if isinstance(values, list):
        numbers: list[Any] = [value for value in values if value is not None]
    else:
        numbers = values[~np.isnan(values)].tolist()
    if len(numbers) < _FEWEST or len(set(numbers)) != 1:
        return None
    first = numbers[0]
    return f"{first:g}" if isinstance(first, float) else f"'{first}'"
