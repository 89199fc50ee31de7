"""How far a row lies from the middle, in the shape that the rows have."""

import math

import numpy as np

from dovetail.monitoring.numeric import Floats


class Mahalanobis:
    """Squared Mahalanobis distance under a running, shrunk covariance.

    Moments of more rows are merged into those there are, so nothing is kept of the rows. The
    covariance is drawn towards a multiple of the identity as far as the data ask for it, so that
    few rows, or columns that say the same, still have an inverse.

    Sources: T. F. Chan, G. H. Golub and R. J. LeVeque (1983) for merging; Y. Chen, A. Wiesel,
    Y. C. Eldar and A. O. Hero, the oracle approximating shrinkage (2010).

    Args:
        rows: float64 [n, width].

    Attributes:
        count: Rows taken in so far.
    """

    def __init__(self, rows: Floats) -> None:
        width = rows.shape[1]
        self.count = 0
        self._mean: Floats = np.zeros(width)
        self._scatter: Floats = np.zeros((width, width))
        self._inverse: Floats = np.eye(width)
        self.merge(rows)

    def pack(self) -> tuple[int, bytes, bytes]:
        """Rows, mean and scatter, from which `unpack` makes it again."""
        return self.count, self._mean.tobytes(), self._scatter.tobytes()

    @classmethod
    def unpack(cls, count: int, mean: bytes, scatter: bytes) -> "Mahalanobis":
        """The inverse of `pack`."""
        middle = np.frombuffer(mean, np.float64)
        made = cls(np.empty((0, len(middle))))
        made.count, made._mean = count, middle
        made._scatter = np.frombuffer(scatter, np.float64).reshape(len(middle), -1)
        made._invert()
        return made

    def merge(self, rows: Floats) -> None:
        """Take more rows into the moments."""
        if not len(rows):
            return
        total = self.count + len(rows)
        mean = rows.mean(axis=0)
        away, apart = rows - mean, mean - self._mean
        self._scatter = self._scatter + away.T @ away
        self._scatter += np.outer(apart, apart) * (self.count * len(rows) / total)
        self._mean = self._mean + apart * (len(rows) / total)
        self.count = total
        self._invert()

    def _invert(self) -> None:
        inverse = np.linalg.inv(_shrunk(self._scatter / self.count, self.count))
        self._inverse = np.asarray(inverse, dtype=np.float64)

    def score(self, rows: Floats) -> Floats:
        """The squared distance of each row: float64 [n], larger is stranger."""
        away = rows - self._mean
        return np.asarray(np.einsum("ij,ij->i", away @ self._inverse, away))


def _shrunk(covariance: Floats, count: int) -> Floats:
    """The covariance, drawn towards the identity."""
    width = len(covariance)
    trace = float(np.trace(covariance))
    square = float((covariance * covariance).sum())
    top = (1 - 2 / width) * square + trace * trace
    bottom = (count + 1 - 2 / width) * (square - trace * trace / width)
    share = 1.0 if bottom <= 0 else min(1.0, max(0.0, top / bottom))
    floor = max(trace / width, 1e-12)
    # Never singular: a column that never varied must stay measurable.
    share = max(share, 1e-6) if math.isfinite(share) else 1.0
    return np.asarray((1 - share) * covariance + share * floor * np.eye(width))
