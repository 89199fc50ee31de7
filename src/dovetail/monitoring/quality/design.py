"""Columns of any kind as numbers that a small model can learn from.

Numeric columns are standardised and squared; categories become one column for each of their
frequent levels; a missing value is a column of its own. Columns that the reference did not have
are left out, and one that is missing now counts as missing on every row.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from dovetail.monitoring.columns import Values, typed
from dovetail.monitoring.errors import RowsInvalidError
from dovetail.monitoring.numeric import Floats

Columns = Mapping[str, Any]
_LEVELS = 20
_REACH = 4.0


@dataclass(frozen=True)
class _Numeric:
    mean: float
    deviation: float

    def plain(self, values: Values) -> list[Floats]:
        """Standardised values, 0 where missing, and where they are missing."""
        numbers = values if isinstance(values, np.ndarray) else np.full(len(values), np.nan)
        known = np.isfinite(numbers)
        z = np.where(known, (numbers - self.mean) / self.deviation, 0.0).clip(-_REACH, _REACH)
        return [z, (~known).astype(np.float64)]

    def curved(self, values: Values) -> list[Floats]:
        z, missing = self.plain(values)
        return [z, z * z - 1, missing]


@dataclass(frozen=True)
class _Category:
    levels: tuple[str, ...]

    def plain(self, values: Values) -> list[Floats]:
        """Where the value is each of the frequent levels, and where it is missing."""
        texts = values if isinstance(values, list) else [_text(v) for v in values.tolist()]
        index = {level: k for k, level in enumerate(self.levels)}
        other = len(self.levels)
        cells = np.array([other + 1 if v is None else index.get(v, other) for v in texts])
        return [(cells == k).astype(np.float64) for k in [*range(other), other + 1]]

    curved = plain


def _text(value: float) -> str | None:
    if value != value:
        return None
    return str(int(value)) if value.is_integer() else str(value)


@dataclass(frozen=True)
class Design:
    """How columns are encoded, learned on a reference.

    Attributes:
        columns: The encoding of each column, by name.
    """

    columns: tuple[tuple[str, _Numeric | _Category], ...]

    @classmethod
    def fit(cls, columns: Columns) -> "Design":
        """Learn from the columns of a reference."""
        return cls(tuple((name, _learn(typed(values))) for name, values in columns.items()))

    def __call__(self, columns: Columns, *, curved: bool = True) -> Floats:
        """Encode columns; shape (rows, d).

        Args:
            columns: By name, all of one length.
            curved: With the squares of numeric columns.

        Raises:
            RowsInvalidError: The columns differ in length.
        """
        rows = length(columns)
        parts: list[Floats] = []
        for name, one in self.columns:
            found = columns.get(name)
            values = np.full(rows, np.nan) if found is None else typed(found)
            parts += one.curved(values) if curved else one.plain(values)
        return np.stack(parts, axis=1) if parts else np.empty((rows, 0))


def length(columns: Columns) -> int:
    """The rows of some columns.

    Raises:
        RowsInvalidError: They differ in length.
    """
    sizes = {name: len(values) for name, values in columns.items()}
    if len(set(sizes.values())) > 1:
        said = ", ".join(f"{name} {size}" for name, size in list(sizes.items())[:6])
        raise RowsInvalidError("the columns differ in length", why=said)
    return next(iter(sizes.values()), 0)


def _learn(values: Values) -> _Numeric | _Category:
    if isinstance(values, list):
        counts = Counter(v for v in values if v is not None)
        ordered = sorted(counts.items(), key=lambda i: (-i[1], i[0]))
        return _Category(tuple(level for level, _ in ordered[:_LEVELS]))
    known = values[np.isfinite(values)]
    deviation = float(known.std()) if len(known) else 0.0
    return _Numeric(float(known.mean()) if len(known) else 0.0, deviation or 1.0)
