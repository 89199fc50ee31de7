"""Is it the data or the world: what of a finding looks like a broken feed, in words.

A feed that stopped, a column of another type, one value everywhere or far fewer rows than usual
are mended where the data comes from; no retraining helps. Each clue compares the day with the
reference, or with the days before, by a rule that a reader can check.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dovetail.monitoring.columns import ColumnProfile, Values
from dovetail.wire.monitoring import ColumnDrift

__all__ = ["data_clues"]

_GONE = 0.5
_FEW = 0.3
_FEWEST = 20
_USUAL_DAYS = 3


def data_clues(
    profiles: Sequence[ColumnProfile],
    guilty: Sequence[ColumnDrift],
    columns: Mapping[str, Values],
    rows: int,
    before: Sequence[int],
) -> list[str]:
    """What looks like a broken feed, none where nothing does.

    Args:
        profiles: The columns of the reference.
        guilty: The columns that the finding names.
        columns: The day's values.
        rows: Rows of the day.
        before: Rows of the days before it, for what is usual.
    """
    known = {profile.name: profile for profile in profiles}
    found = []
    for one in guilty:
        profile = known.get(one.column)
        if profile is not None and one.column != "(prediction)":
            clue = _column_clue(profile, columns.get(one.column))
            found += [clue] if clue else []
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
    return ""


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
