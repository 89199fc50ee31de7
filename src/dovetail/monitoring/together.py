"""Whether two tables differ in how their columns go together, seen while columns pass by."""

from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from dovetail.monitoring.classical import joint
from dovetail.monitoring.classical.rows import fit_encoder, split_rows

ROWS = 2000
"""Most rows of each table that are looked at; the encoder learns from others."""
_LEAST = 100
_WIDTH = 200


class Joint(msgspec.Struct, frozen=True, kw_only=True):
    """All columns together.

    Attributes:
        auc: How well a classifier tells the two tables apart on rows that it was not fitted on; 0.5
            is not at all.
        p: Its p-value, adjusted with those of the columns.
        drift: Whether the two differ.
    """

    auc: float
    p: float
    drift: bool


class Together:
    """Gathers some rows of both tables, a column at a time.

    Args:
        before: Rows of the reference.
        now: Rows now.
    """

    def __init__(self, before: int, now: int) -> None:
        self._enough = min(before // 2, now) >= _LEAST
        # The encoder learns from other rows than it encodes, so that both sides are new to it.
        self._learnt, looked = split_rows(before, 0, ROWS)
        chosen = np.random.default_rng(0).permutation(now)[:ROWS]
        self._at = (looked, np.sort(chosen))
        self._parts: tuple[list[npt.NDArray[np.float64]], ...] = ([], [])
        self._width = 0

    def add(self, name: str, before: Any, now: Any) -> None:
        """Take a column that both tables have."""
        if not self._enough or self._width > _WIDTH:
            return
        encoder = fit_encoder({name: before}, self._learnt)
        self._width += encoder.width
        for parts, values, at in zip(self._parts, (before, now), self._at, strict=True):
            parts.append(encoder.encode({name: values}, at))

    def separation(self) -> joint.Separation | None:
        """The classifier two-sample test; None with few rows, one column or very many."""
        if not self._enough or self._width > _WIDTH or len(self._parts[0]) < 2:
            return None
        x, y = (np.hstack(parts) for parts in self._parts)
        return joint.separation(x, y)
