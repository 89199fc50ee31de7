"""The error of a regression on rows whose labels are not known: direct loss estimation.

A small model learns the squared and the absolute error from the columns and the answer, on a
labelled reference; its mean over new rows is the loss to expect. What it misses is put right by
the reference's residuals, weighted by the density ratio where the columns have shifted.

Sources: the direct loss estimation of NannyML; M. Dudik, J. Langford and L. Li, "Doubly Robust
Policy Evaluation and Learning" (2011).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from dovetail.monitoring.errors import RowsInvalidError
from dovetail.monitoring.numeric import Floats
from dovetail.monitoring.quality.boost import Boosted
from dovetail.monitoring.quality.density import density_ratio
from dovetail.monitoring.quality.design import Columns, Design, length
from dovetail.monitoring.quality.estimate import BY_COLUMNS, thinned
from dovetail.monitoring.quality.intervals import Z
from dovetail.monitoring.quality.rows import Rows
from dovetail.wire.monitoring import Estimated, Measured

_ANSWER = "(answer)"
_LEAST = 50
_FOLDS = 2


@dataclass(frozen=True)
class DirectLoss:
    """What a labelled reference says of the errors of unlabelled rows.

    Example:
        >>> r = np.random.default_rng(0)
        >>> x = r.normal(size=2000)
        >>> reference = Rows.read(x, x + r.normal(size=2000) * (1 + (x > 0)), task="regression")
        >>> direct = DirectLoss.fit(reference, {"x": x})
        >>> now = Rows.read([1.0] * 500, task="regression")
        >>> 1.4 < direct.estimate(now, {"x": [1.0] * 500}).figures[1].value < 1.8
        True
    """

    design: Design
    encoded: Floats
    losses: Floats
    residuals: Floats
    models: tuple[Boosted, Boosted]

    @classmethod
    def fit(cls, reference: Rows, columns: Columns) -> "DirectLoss":
        """Learn from labelled rows, of which at most 20,000 are kept.

        Args:
            reference: Labelled rows of a regression that the model was not trained on.
            columns: Their features, all of one length.

        Raises:
            RowsInvalidError: It is no regression, lengths differ or there are under 50 labels.
        """
        if reference.task != "regression":
            raise RowsInvalidError("direct loss is for regressions", fix="use Estimator")
        if columns and length(columns) != len(reference):
            raise RowsInvalidError(
                f"the reference has {len(reference)} answers but {length(columns)} rows of columns"
            )
        chosen = thinned(np.flatnonzero(reference.known))
        if len(chosen) < _LEAST:
            raise RowsInvalidError(
                f"{len(chosen)} labelled rows are too few to learn errors from",
                fix=f"give at least {_LEAST}",
            )
        whole = {**columns, _ANSWER: reference.answers}
        design = Design.fit(whole)
        encoded = design(whole)[chosen]
        error = (reference.answers - reference.labels)[chosen]
        losses = np.stack([error**2, np.abs(error)], axis=1)
        residuals = np.stack([_held_out(encoded, y) for y in losses.T], axis=1)
        models = (Boosted.fit(encoded, losses[:, 0]), Boosted.fit(encoded, losses[:, 1]))
        return cls(design, encoded, losses, residuals, models)

    def estimate(self, rows: Rows, columns: Mapping[str, object]) -> Estimated:
        """RMSE and MAE to expect of all rows, whether their labels are known or not."""
        if len(rows) == 0:
            return Estimated(figures=[], assumption=BY_COLUMNS)
        now = self.design({**columns, _ANSWER: rows.answers})
        weights = density_ratio(self.encoded, now[thinned(np.arange(len(now)))])
        effective = float(weights.sum() ** 2 / (weights**2).sum())
        figures = []
        for k, name in enumerate(("mse", "mae")):
            expected = self.models[k](now).clip(0)
            value = float(expected.mean()) + float((weights * self.residuals[:, k]).mean())
            figures.append(self._figure(name, max(value, 0.0), expected, weights, k))
        lost = 1 - effective / len(weights)
        return Estimated(
            figures=[_root(figures[0]), figures[1]],
            assumption=BY_COLUMNS,
            shift=round(lost, 4),
            effective=round(effective, 1),
        )

    def _figure(
        self, name: str, value: float, expected: Floats, weights: Floats, k: int
    ) -> Measured:
        """Spread: what single losses vary around what is expected, and the reference's own."""
        residuals = self.residuals[:, k]
        noise = float((weights * residuals**2).mean()) / len(expected)
        own = float(((weights * residuals) ** 2).mean()) / len(weights)
        reach = Z * math.sqrt(noise + own)
        return Measured(
            name=name,
            value=value,
            low=max(0.0, value - reach),
            high=value + reach,
            interval="delta",
        )


def _held_out(design: Floats, target: Floats) -> Floats:
    """What models that did not see a row miss on it."""
    fold = np.random.default_rng(0).permutation(len(target)) % _FOLDS
    found = np.empty(len(target))
    for k in range(_FOLDS):
        here = fold == k
        found[here] = target[here] - Boosted.fit(design[~here], target[~here])(design[here])
    return found


def _root(part: Measured) -> Measured:
    low, value, high = (
        None if x is None else math.sqrt(x) for x in (part.low, part.value, part.high)
    )
    return Measured(name="rmse", value=value, low=low, high=high, interval=part.interval)
