"""How far a row's nearest neighbours are, and whether the model treats it as it treats them."""

import numpy as np
import numpy.typing as npt

from dovetail.monitoring.numeric import Floats

_KEPT = 2000
_NEAREST = 5
_BLOCK = 512


class Neighbours:
    """The mean distance to the five nearest of a bounded sample of the reference.

    Args:
        rows: float64 [n, width]; 2,000 of them are kept.
        outputs: The model's score on each, for `disagreement`.
        seed: Seeds which are kept.
    """

    def __init__(self, rows: Floats, outputs: Floats | None = None, seed: int = 0) -> None:
        chosen = np.arange(len(rows))
        if len(rows) > _KEPT:
            chosen = np.random.default_rng(seed).choice(len(rows), _KEPT, replace=False)
        self._rows = rows[chosen]
        self._outputs = None if outputs is None else outputs[chosen]
        self._lengths = (self._rows**2).sum(axis=1)

    def score(self, rows: Floats) -> Floats:
        """The mean distance of each row: float64 [n], larger is stranger."""
        found = [np.sqrt(squares).mean(axis=1) for squares, _ in self._nearest(rows)]
        return np.concatenate(found) if found else np.empty(0)

    def disagreement(self, rows: Floats, outputs: Floats) -> Floats:
        """How far the model's score is from that on the row's neighbours: float64 [n].

        A row beside many that the model calls 0.1, which it calls 0.9, is what a small crafted
        change makes of an ordinary row; so is one on a steep slope of an honest model.
        """
        assert self._outputs is not None
        known = self._outputs
        expected = [known[at].mean(axis=1) for _, at in self._nearest(rows)]
        return np.abs(outputs - np.concatenate(expected)) if expected else np.empty(0)

    def _nearest(self, rows: Floats) -> list[tuple[Floats, npt.NDArray[np.int64]]]:
        """Squared distances and numbers of the nearest, in blocks that bound memory."""
        count = min(_NEAREST, len(self._rows))
        found = []
        for start in range(0, len(rows), _BLOCK):
            block = rows[start : start + _BLOCK]
            squares = self._lengths - 2 * block @ self._rows.T + (block**2).sum(axis=1)[:, None]
            at = np.argpartition(squares, count - 1, axis=1)[:, :count]
            found.append((np.maximum(np.take_along_axis(squares, at, axis=1), 0), at))
        return found
