"""Figures of rows whose labels are probabilities and whose weights are not all one.

With labels of 0 and 1 and weights of 1 they are the realised figures; with calibrated probabilities
the figures to expect; with density ratios those of a labelled reference under other inputs.
"""

import numpy as np

from dovetail.monitoring.numeric import Floats

NAMES = ("auc", "log_loss", "brier", "accuracy", "f1")
_TINY = 1e-15


class Soft:
    """Figures of fixed scores under any labels and weights; sorted once.

    Args:
        scores: Probabilities the model gave, shape (n,) or (n, K) for K classes.
        threshold: At and above it a binary score counts as positive.
    """

    def __init__(self, scores: Floats, threshold: float) -> None:
        table = scores if scores.ndim > 1 else np.stack([1 - scores, scores], axis=1)
        self._logs = -np.log(np.clip(table, _TINY, 1.0))
        self._square = (table**2).sum(axis=1)
        self._table = table
        # The area of two classes is the same seen from either; that of K is the mean over them.
        ranked = range(table.shape[1]) if scores.ndim > 1 else [1]
        self._orders = [(k, *_ties(table[:, k])) for k in ranked]
        if scores.ndim > 1:
            self._said = table.argmax(axis=1)
        else:
            self._said = (scores >= threshold).astype(np.int64)
        self._asked = np.eye(table.shape[1])[self._said]

    def __call__(self, labels: Floats, weights: Floats) -> Floats:
        """The figures in the order of `NAMES`; NaN where a class has no weight.

        Args:
            labels: Probability of the positive class, shape (n,), or of each class, (n, K).
            weights: Not negative, shape (n,).
        """
        q = labels if labels.ndim > 1 else np.stack([1 - labels, labels], axis=1)
        total = weights.sum()
        w = weights[:, None]
        areas = [_area(order, first, q[:, k], weights) for k, order, first in self._orders]
        log_loss = (w * q * self._logs).sum() / total
        # Per row, E sum_k (p_k - y_k)^2 = sum p^2 - 2 sum p q + 1; half of it for two classes.
        square = (weights * (self._square - 2 * (self._table * q).sum(axis=1) + 1)).sum() / total
        hits = (w * q * self._asked).sum(axis=0)
        both = (w * self._asked).sum(axis=0) + (w * q).sum(axis=0)
        with np.errstate(invalid="ignore", divide="ignore"):
            f1 = 2 * hits / both
        binary = labels.ndim == 1
        return np.array(
            [
                np.mean(areas),
                log_loss,
                square / 2 if binary else square,
                hits.sum() / total,
                f1[1] if binary else f1.mean(),
            ]
        )


def _ties(values: Floats) -> tuple[np.ndarray, np.ndarray]:
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    return order, np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])


def _area(order: np.ndarray, first: np.ndarray, q: Floats, weights: Floats) -> float:
    ordered, w = q[order], weights[order]
    up = np.add.reduceat(w * ordered, first)
    down = np.add.reduceat(w * (1 - ordered), first)
    total = up.sum() * down.sum()
    if total <= 0:
        return float("nan")
    return float((up * (np.cumsum(down) - down / 2)).sum() / total)
