"""What became of scores, counted by score: enough to calibrate and to rank without any row.

Bins of scores with their labelled rows and positives add up over samples; from the sum follow a
calibration and an AUC. Rows of one bin count as tied. A bin holds a hundredth of the rows, which
moves the AUC by less than 0.001; all else are sums.
"""

from collections.abc import Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from dovetail.monitoring.calibration import Calibration
from dovetail.monitoring.numeric import Floats
from dovetail.monitoring.profile_cuts import common_cuts, cuts_of, recount

__all__ = ["Scored", "score_bins"]

CELLS = 100


class Scored(msgspec.Struct, frozen=True, kw_only=True):
    """Labelled rows by score.

    Attributes:
        cuts: Upper edges of the bins, k of them; one more bin lies above.
        rows: Labelled rows in each bin, k + 1.
        positives: Rows of label 1 among them.
        totals: Sum of their scores.
    """

    cuts: list[float]
    rows: list[int]
    positives: list[int]
    totals: list[float]

    @property
    def calibration(self) -> Calibration:
        """Isotonic regression of labels on scores, bin by bin."""
        rows, positives, totals = self._filled()
        return Calibration.weighted(totals / rows, positives / rows, rows)

    @property
    def auc(self) -> float | None:
        """The area under the ROC curve, rows of one bin sharing halves; None with one class."""
        rows, up, _ = self._filled()
        down = rows - up
        if not up.any() or not down.any():
            return None
        below = np.cumsum(down) - down / 2
        return float((up * below).sum() / (up.sum() * down.sum()))

    def __add__(self, other: "Scored") -> "Scored":
        """Both samples together, in the bins that they have in common."""
        cuts = common_cuts(np.asarray(self.cuts), np.asarray(other.cuts))
        sums: dict[str, npt.NDArray[np.float64]] = {}
        for name in ("rows", "positives", "totals"):
            sums[name] = sum(
                recount(np.asarray(one.cuts), cuts, np.asarray(getattr(one, name), np.float64))
                for one in (self, other)
            )  # type: ignore[assignment]
        return Scored(
            cuts=cuts.tolist(),
            rows=sums["rows"].astype(np.int64).tolist(),
            positives=sums["positives"].astype(np.int64).tolist(),
            totals=sums["totals"].tolist(),
        )

    def _filled(self) -> Sequence[Floats]:
        table = np.array([self.rows, self.positives, self.totals], dtype=np.float64)
        return list(table[:, table[0] > 0])


def score_bins(scores: Floats, labels: Floats) -> Scored:
    """Count labelled rows by score.

    Args:
        scores: Finite scores, shape (n,).
        labels: 0 or 1, shape (n,).
    """
    cuts = cuts_of(scores, CELLS)
    bins = np.searchsorted(cuts, scores)
    cells = len(cuts) + 1
    return Scored(
        cuts=cuts.tolist(),
        rows=np.bincount(bins, minlength=cells).tolist(),
        positives=np.bincount(bins[labels > 0.5], minlength=cells).tolist(),
        totals=np.bincount(bins, weights=scores, minlength=cells).tolist(),
    )
