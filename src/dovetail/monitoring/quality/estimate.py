"""How a classifier does on rows whose labels are not known, from a labelled reference.

Two views are mixed. Calibrated scores promise a figure, precisely, but a shift of the columns may
break the calibration. Reference rows weighted by the density ratio bring their real labels, with
more noise, and hold under any shift of the columns that they cover. So calibration rules while the
columns look alike; as the weights say that they do not, the mean of the weighted figure and of the
promise corrected by the weighted reference takes over.

Sources: J. Bialek, W. Kuberski et al., "Estimating Model Performance Under Covariate Shift Without
Labels" (2024); H. Shimodaira, Journal of Statistical Planning and Inference 90 (2000); M. Dudik,
J. Langford and L. Li, "Doubly Robust Policy Evaluation and Learning" (2011).
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from dovetail.monitoring.calibration import Calibration
from dovetail.monitoring.errors import RowsInvalidError
from dovetail.monitoring.numeric import Floats
from dovetail.monitoring.quality.density import density_ratio
from dovetail.monitoring.quality.design import Columns, Design
from dovetail.monitoring.quality.rows import Rows
from dovetail.monitoring.quality.soft import NAMES, Soft
from dovetail.wire.monitoring import Estimated, Measured

BY_SCORES = "assumes that the labels given the scores are as in the reference"
BY_COLUMNS = "assumes that the labels given the columns are as in the reference"
_DRAWS = 200
_REFERENCE = 20_000
_TRUST = 4.0
_BLOCKS = 20
_SIMULATED = 4000


@dataclass(frozen=True)
class Estimator:
    """What a labelled reference says of unlabelled rows; see the module.

    Example:
        >>> r = np.random.default_rng(0)
        >>> p = r.random(2000)
        >>> reference = Rows.read(p, (r.random(2000) < p).astype(float))
        >>> estimator = Estimator.fit(reference)
        >>> found = estimator.estimate(Rows.read(r.random(500)))
        >>> [m.name for m in found.figures]
        ['auc', 'log_loss', 'brier', 'accuracy', 'f1']
    """

    reference: Rows
    calibrations: tuple[Calibration, ...]
    design: Design | None
    encoded: Floats | None
    threshold: float

    @classmethod
    def fit(
        cls, reference: Rows, columns: Columns | None = None, *, threshold: float = 0.5
    ) -> "Estimator":
        """Learn from labelled rows, of which at most 20,000 are kept.

        Args:
            reference: Labelled rows that the model was not trained on.
            columns: Their features, for estimates under a shift; all of one length.
            threshold: At and above it a binary answer counts as positive.

        Raises:
            RowsInvalidError: It is a regression, or a class has no labelled row.
        """
        if reference.task == "regression":
            raise RowsInvalidError(
                "labels of a regression cannot be calibrated", fix="use DirectLoss"
            )
        chosen = thinned(np.flatnonzero(reference.known))
        rows = reference.at(chosen)
        truth = one_hot(rows)
        if len(rows) == 0 or (truth.sum(axis=0) == 0).any():
            raise RowsInvalidError("a class has no labelled row in the reference")
        design = None if not columns else Design.fit(columns)
        encoded = None
        if design is not None and columns:
            encoded = design(columns)
            if len(encoded) != len(reference):
                raise RowsInvalidError(
                    f"the reference has {len(reference)} answers but {len(encoded)} rows of columns"
                )
            encoded = encoded[chosen]
        table = rows.answers if rows.answers.ndim > 1 else rows.answers[:, None]
        labels = truth if rows.task == "multiclass" else truth[:, 1:]
        calibrations = tuple(
            Calibration.fit(table[:, k], labels[:, k]) for k in range(table.shape[1])
        )
        return cls(rows, calibrations, design, encoded, threshold)

    def calibrated(self, answers: Floats) -> Floats:
        """The probabilities that the reference's labels give to answers, of the same shape."""
        if answers.ndim == 1:
            return self.calibrations[0](answers)
        parts = [c(answers[:, k]) for k, c in enumerate(self.calibrations)]
        table = np.stack(parts, axis=1)
        total = table.sum(axis=1, keepdims=True)
        return np.asarray(np.where(total > 0, table / np.maximum(total, 1e-12), answers))

    def estimate(self, rows: Rows, columns: Mapping[str, object] | None = None) -> Estimated:
        """The figures to expect of all rows, whether their labels are known or not.

        Args:
            rows: Of the same task.
            columns: Their features, those of the reference; None to go by the scores alone.
        """
        if len(rows) == 0:
            return Estimated(figures=[], assumption=BY_SCORES)
        now, here = Soft(rows.answers, self.threshold), np.ones(len(rows))
        q = self.calibrated(rows.answers)
        promised = now(q, here)
        weights, trust, effective = self._weights(rows, columns)
        then, past = Soft(self.reference.answers, self.threshold), _labels(self.reference)
        believed = self.calibrated(self.reference.answers)
        value = promised
        if weights is not None:
            real, said = then(past, weights), then(believed, weights)
            value = promised + trust * ((real + promised + real - said) / 2 - promised)
            value = np.where(np.isfinite(value), value, promised)
        low, high = self._spread(rows.answers, q, then, past, believed, weights, trust)
        return Estimated(
            figures=[_figure(n, value[k], low[k], high[k]) for k, n in enumerate(NAMES)],
            assumption=BY_SCORES if weights is None else BY_COLUMNS,
            shift=None if weights is None else round(trust, 4),
            effective=effective,
        )

    def _weights(
        self, rows: Rows, columns: Mapping[str, object] | None
    ) -> tuple[Floats | None, float, float | None]:
        """The density ratio, how far to believe it, and what it leaves of the reference."""
        if self.design is None or self.encoded is None or not columns:
            return None, 0.0, None
        encoded = self.design(columns)
        if len(encoded) != len(rows) + rows.refused:
            raise RowsInvalidError(f"there are {len(rows)} answers but {len(encoded)} rows")
        encoded = encoded[thinned(np.arange(len(encoded)))]
        weights = density_ratio(self.encoded, encoded)
        effective = float(weights.sum() ** 2 / (weights**2).sum())
        lost = 1 - effective / len(weights)
        # What fitting as many coefficients to noise would lose, twice over.
        noise = self.encoded.shape[1] * (1 / len(weights) + 1 / len(encoded))
        return weights, min(1.0, _TRUST * max(0.0, lost - noise)), round(effective, 1)

    def _spread(
        self,
        now: Floats,
        q: Floats,
        then: Soft,
        past: Floats,
        believed: Floats,
        weights: Floats | None,
        trust: float,
    ) -> tuple[Floats, Floats]:
        """Ends relative to the value: labels drawn anew, and the reference's own error."""
        r = np.random.default_rng(0)

        def owed(keep: Floats) -> Floats:
            """What the value owes to the reference, by the rows of it that are kept."""
            found = then(past, keep) - then(believed, keep)
            if weights is not None and trust > 0:
                seen = then(past, weights * keep) - then(believed, weights * keep) / 2
                found = (1 - trust) * found + trust * seen
            return np.asarray(found, dtype=np.float64)

        error = _jackknife(owed, len(past), r)
        moves = _label_noise(now, q, self.threshold, r)
        return _ends(moves + error * r.standard_normal(moves.shape))


def _label_noise(scores: Floats, q: Floats, threshold: float, r: np.random.Generator) -> Floats:
    """How figures move when labels are drawn with their probabilities, one row a draw.

    Of many rows a part is simulated, and the moves are as much smaller as the rows are more.
    """
    rows = len(scores)
    if rows > _SIMULATED:
        part = r.choice(rows, _SIMULATED, replace=False)
        scores, q = scores[part], q[part]
    now, here = Soft(scores, threshold), np.ones(len(scores))
    middle = now(q, here)
    moves = np.array([now(_draw(r, q), here) - middle for _ in range(_DRAWS)])
    return np.asarray(moves * math.sqrt(len(scores) / rows), dtype=np.float64)


def _ends(moves: Floats) -> tuple[Floats, Floats]:
    """The middle 95 % of each column; NaN where a figure was never defined."""
    found = np.full((2, moves.shape[1]), np.nan)
    for k, column in enumerate(moves.T):
        known = column[np.isfinite(column)]
        if len(known):
            found[:, k] = np.quantile(known, [0.025, 0.975])
    return found[0], found[1]


def expect(scores: Floats, probabilities: Floats, *, threshold: float, labelled: int) -> Estimated:
    """The figures that calibrated scores promise, where no reference rows are at hand.

    Args:
        scores: Probabilities that a binary model gave, shape (n,).
        probabilities: The same, calibrated, shape (n,).
        threshold: At and above it a score counts as positive.
        labelled: Labelled rows of the reference; few of them widen the intervals.
    """
    now, here = Soft(scores, threshold), np.ones(len(scores))
    r, value = np.random.default_rng(0), now(probabilities, here)
    moves = _label_noise(scores, probabilities, threshold, r)
    # The reference errs as as many rows of its own would: the variances add.
    low, high = (m * math.sqrt(1 + len(scores) / labelled) for m in _ends(moves))
    return Estimated(
        figures=[_figure(n, value[k], low[k], high[k]) for k, n in enumerate(NAMES)],
        assumption=BY_SCORES,
    )


def _jackknife(figure: Callable[[Floats], Floats], rows: int, r: np.random.Generator) -> Floats:
    """The standard error of figures of kept rows, leaving out a twentieth of the rows at a time."""
    block = r.permutation(rows) % _BLOCKS
    again = np.array([figure((block != b).astype(np.float64)) for b in range(_BLOCKS)])
    spread = ((again - again.mean(axis=0)) ** 2).sum(axis=0) * (_BLOCKS - 1) / _BLOCKS
    return np.asarray(np.nan_to_num(np.sqrt(spread)), dtype=np.float64)


def one_hot(rows: Rows) -> Floats:
    """Labels as a table of zeros and ones, shape (n, K), two columns for a binary task."""
    width = rows.answers.shape[1] if rows.answers.ndim > 1 else 2
    return np.asarray(np.eye(width)[rows.labels.astype(np.int64)], dtype=np.float64)


def _labels(rows: Rows) -> Floats:
    return one_hot(rows) if rows.task == "multiclass" else rows.labels


def _draw(r: np.random.Generator, q: Floats) -> Floats:
    if q.ndim == 1:
        return (r.random(len(q)) < q).astype(np.float64)
    cells = (r.random((len(q), 1)) > np.cumsum(q, axis=1)[:, :-1]).sum(axis=1)
    return np.asarray(np.eye(q.shape[1])[cells], dtype=np.float64)


def thinned(positions: np.ndarray) -> np.ndarray:
    """At most so many rows, drawn evenly, the same ones each time."""
    if len(positions) <= _REFERENCE:
        return positions
    chosen = np.random.default_rng(0).choice(len(positions), _REFERENCE, replace=False)
    return np.asarray(positions[np.sort(chosen)])


def _figure(name: str, value: float, low: float, high: float) -> Measured:
    if not (np.isfinite(value) and np.isfinite(low)):
        return Measured(name=name, value=None)
    top = np.inf if name in ("log_loss", "brier") else 1.0
    return Measured(
        name=name,
        value=float(np.clip(value, 0, top)),
        low=float(np.clip(value + low, 0, top)),
        high=float(np.clip(value + high, 0, top)),
        interval="simulation",
    )
