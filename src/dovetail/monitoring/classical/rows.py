"""Rows of a mixed table as a matrix: standardised numbers, and shares of frequent levels.

What looks at all columns together needs numbers of one scale. A level becomes a column of zeros
and ones; a missing number becomes the mean, and a column says that it is missing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from dovetail.monitoring.classical.samples import Coded, Levels, Sample, sample
from dovetail.monitoring.numeric import Floats

_LEVELS = 10
_SPREAD = 1e-12
_LEARNT = 20_000
_FAR = 1e6
_UNSEEN = 5.0
"""A level or a gap that the reference never had, in the standard deviations of numbers."""


@dataclass(frozen=True)
class _Column:
    """How one column becomes numbers: centre and scale, or levels."""

    name: str
    mean: float = 0.0
    deviation: float = 1.0
    levels: tuple[str, ...] = ()
    known: frozenset[str] = frozenset()
    missing: float = 0.0

    @property
    def width(self) -> int:
        return len(self.levels) + 1 if self.levels else 2

    def encode(self, values: Any) -> Floats:
        if self.levels:
            return self._shares(values)
        numbers = _floats(values)
        unknown = ~np.isfinite(numbers)
        with np.errstate(over="ignore", invalid="ignore"):
            scaled = np.clip((numbers - self.mean) / self.deviation, -_FAR, _FAR)
        scaled[unknown | np.isnan(scaled)] = 0.0
        return np.stack([scaled, (unknown - self.missing) / self._spread], axis=1)

    @property
    def middle(self) -> Floats:
        """An ordinary value, encoded."""
        made = np.zeros(self.width)
        if self.levels:
            made[0] = 1.0
        else:
            made[1] = -self.missing / self._spread
        return made

    @property
    def _spread(self) -> float:
        return max(1 / _UNSEEN, float((self.missing * (1 - self.missing)) ** 0.5))

    def _shares(self, values: Any) -> Floats:
        """A column a frequent level, and one for what the reference never had."""
        made = np.zeros((len(values), self.width))
        index = {level: i for i, level in enumerate(self.levels)}
        for row, value in enumerate(values):
            text = None if value is None or value != value else str(value)
            at = index.get(text) if text is not None else None
            if at is not None:
                made[row, at] = 1.0
            elif text is None and self.missing:
                continue
            elif text is None or text not in self.known:
                made[row, -1] = _UNSEEN
        return made


class Encoder:
    """Turns rows into a matrix as the reference's columns say.

    Args:
        samples: The reference's columns by name.
    """

    def __init__(self, samples: Mapping[str, Sample]) -> None:
        self._columns = [_column(name, one) for name, one in samples.items()]

    def pack(self) -> bytes:
        """The encoder as JSON."""
        return msgspec.json.encode(self._columns)

    @classmethod
    def unpack(cls, data: bytes) -> "Encoder":
        """The inverse of `pack`."""
        made = cls({})
        made._columns = msgspec.json.decode(data, type=list[_Column])
        return made

    @property
    def width(self) -> int:
        """Columns of the matrix."""
        return sum(column.width for column in self._columns)

    @property
    def names(self) -> list[str]:
        """The columns, in order."""
        return [column.name for column in self._columns]

    @property
    def middle(self) -> Floats:
        """An ordinary row, encoded: float64 [width]."""
        return np.concatenate([column.middle for column in self._columns])

    @property
    def parts(self) -> list[tuple[str, slice]]:
        """Which columns of the matrix belong to which column of the table."""
        ends = np.cumsum([0, *(column.width for column in self._columns)]).tolist()
        return [(c.name, slice(ends[i], ends[i + 1])) for i, c in enumerate(self._columns)]

    def encode(self, columns: Mapping[str, Any], at: npt.NDArray[np.int64] | None = None) -> Floats:
        """The matrix of some rows.

        Args:
            columns: All columns of the reference; a column that is not there counts as unknown.
            at: Which rows; None for all.

        Returns:
            float64 [rows, width].
        """
        rows = _length(columns) if at is None else len(at)
        parts = []
        for column in self._columns:
            found = columns[column.name] if column.name in columns else [None] * _length(columns)
            parts.append(column.encode(take(found, at)))
        return np.hstack(parts) if parts else np.zeros((rows, 0))


def _column(name: str, one: Sample) -> _Column:
    share = one.missing / max(1, one.rows)
    if isinstance(one, Levels):
        frequent = sorted(one.counts.items(), key=lambda i: (-i[1], i[0]))[:_LEVELS]
        levels = tuple(level for level, _ in frequent) or ("",)
        return _Column(name, levels=levels, known=frozenset(one.counts), missing=share)
    if not len(one.values):
        return _Column(name, missing=share)
    return _Column(name, one.mean, max(one.deviation, _SPREAD), missing=share)


def take(values: Any, at: npt.NDArray[np.int64] | None) -> Any:
    """Some rows of a column, None for all of them."""
    if isinstance(values, Coded):
        codes = values.codes if at is None else values.codes[at]
        return [values.levels[code] if code >= 0 else None for code in codes.tolist()]
    if hasattr(values, "to_numpy"):
        values = values.to_numpy()
    if at is None:
        return values
    return values[at] if isinstance(values, np.ndarray) else [values[i] for i in at.tolist()]


def _floats(values: Any) -> Floats:
    if isinstance(values, np.ndarray) and values.dtype.kind in "fiub":
        return values.astype(np.float64)
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        found = np.full(len(values), np.nan)
    for i, value in enumerate(values):
        try:
            found[i] = np.nan if value is None else float(value)
        except (TypeError, ValueError):
            found[i] = np.nan  # a text where the reference had numbers is no number
    return found


def _length(columns: Mapping[str, Any]) -> int:
    return len(next(iter(columns.values()))) if columns else 0


def columns_of(table: Any) -> Mapping[str, Any]:
    """The columns of a mapping, a pandas or polars frame or a PyArrow table, by name."""
    if isinstance(table, Mapping):
        return table
    names: Sequence[str] = getattr(table, "column_names", None) or list(table.columns)
    return {str(name): table[name] for name in names}


def fit_encoder(columns: Mapping[str, Any], at: npt.NDArray[np.int64]) -> Encoder:
    """An encoder that knows some rows only.

    What is then encoded must be other rows: levels that an encoder has met would tell its own rows
    from new ones although nothing has changed.
    """
    return Encoder({name: sample(_part(columns[name], at)) for name in columns})


def _part(values: Any, at: npt.NDArray[np.int64]) -> Any:
    return Coded(values.codes[at], values.levels) if isinstance(values, Coded) else take(values, at)


def split_rows(
    rows: int, seed: int, most: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Random rows to learn an encoder from, and others to look at: at most `most`, half at most."""
    order = np.random.default_rng(seed).permutation(rows)
    looked = min(most, rows // 2)
    return np.sort(order[looked : looked + _LEARNT]), np.sort(order[:looked])
