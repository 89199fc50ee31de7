"""Where a fit happens: over the columns themselves, or over the span of a few rows.

A ridge keeps the best weights within the span of the rows, so a few hundred rows over a hundred
thousand hashed columns are the same problem as a few hundred dense columns (Schölkopf 2001, the
representer theorem). Each of the many fits of a cross-validation is then a small dense one.
"""

from dataclasses import dataclass

import numpy as np

from dovetail.labels.learning.rows import Rows
from dovetail.labels.votes import Codes, Floats

__all__ = ["Space"]

_MOST = 800  # rows whose products are taken
_ALMOST = 1e-9  # of the greatest eigenvalue: below it a direction is rounding


@dataclass(frozen=True)
class Space:
    """The same rows in coordinates that are quick to fit.

    Attributes:
        rows: In those coordinates.
        used: int[m], the sparse columns that occur.
        whole: The rows over their dense columns and `used`.
        turn: float[n, r], coordinates back to sums of rows; None where nothing was turned.
    """

    rows: Rows
    used: Codes
    whole: Rows
    turn: Floats | None = None

    @classmethod
    def of(cls, rows: Rows) -> "Space":
        """Choose the coordinates for some rows."""
        used = np.unique(rows.columns)
        whole = rows.over(used)
        if len(rows) > _MOST or whole.dense.shape[1] + whole.width <= len(rows):
            return cls(whole, used, whole)
        value, vector = np.linalg.eigh(whole.products())
        kept = value > _ALMOST * max(float(value[-1]), 1e-30)
        root = np.sqrt(value[kept])
        return cls(Rows.of_dense(vector[:, kept] * root), used, whole, vector[:, kept] / root)

    def weights(self, found: Floats) -> Floats:
        """float[d + m + 1, k]: weights over dense columns and `used`, from a fit in here."""
        if self.turn is None:
            return found
        return np.vstack([self.whole.back(self.turn @ found[:-1]), found[-1:]])
