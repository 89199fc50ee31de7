"""What a feature is measured against: a label of two classes, of several, or a number.

One object knows how to look at the label: how much a single column tells of it, how a model
of trees is fitted to it, and how good its answers are on later rows.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from dovetail.base.extras import require
from dovetail.features.errors import RowsError

if TYPE_CHECKING:
    import polars as pl

BINS = 24
MOST_CLASSES = 20
ROUNDS = 80
SHARE = 0.5
_TREES: dict[str, Any] = {
    "learning_rate": 0.1,
    "num_leaves": 31,
    "max_bin": 63,
    "lambda_l2": 10.0,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,
    "verbosity": -1,
}


@dataclass(frozen=True)
class Goal:
    """A label, ready to be predicted.

    Attributes:
        kind: Two classes, several classes, or a number.
        values: The label of each question: 0 and 1, the number of the class, or the number.
        classes: How many classes there are; 0 for a number.
    """

    kind: Literal["binary", "multiclass", "regression"]
    values: Any
    classes: int = 0

    @property
    def measure(self) -> str:
        """Name of the figure by which models are compared; greater is better."""
        return {"binary": "AUC", "multiclass": "accuracy", "regression": "R2"}[self.kind]

    def targets(self, rows: slice) -> Any:
        """Return the label of some rows as columns of numbers, shape [rows, targets]."""
        import numpy as np

        values = self.values[rows]
        if self.kind == "multiclass":
            return np.eye(self.classes)[values]
        return values.astype(np.float64)[:, None]

    def fit(self, inputs: Any, rows: Any, *, share: float = SHARE, seed: int = 7) -> Any:
        """Fit trees to some rows; returns the booster.

        Args:
            inputs: All columns, shape [rows, columns].
            rows: Those to fit to.
            share: Share of the columns that each tree may use.
            seed: Decides which they are.
        """
        lightgbm = require("lightgbm", extra="features-suggest", feature="suggesting features")
        parameters = {
            **_TREES,
            "feature_fraction": share,
            "seed": seed,
            "objective": self.kind,
            "min_data_in_leaf": max(5, min(200, len(self.values[rows]) // 200)),
            **({"num_class": self.classes} if self.kind == "multiclass" else {}),
        }
        data = lightgbm.Dataset(inputs[rows], self.values[rows])
        return lightgbm.train(parameters, data, ROUNDS)

    def score(self, answers: Any, rows: Any) -> float:
        """Return how good answers for some rows are: AUC, accuracy or R squared."""
        import numpy as np

        truth = self.values[rows]
        if self.kind == "binary":
            return auc(answers, truth)
        if self.kind == "multiclass":
            return float((answers.argmax(axis=1) == truth).mean())
        spread = float(((truth - truth.mean()) ** 2).sum())
        return 1.0 - float(((truth - answers) ** 2).sum()) / spread if spread else float(np.nan)


def goal_of(label: "pl.Series") -> Goal:
    """Decide what kind of label a column is.

    Raises:
        RowsError: It holds one value only, or no numbers and too many classes.
    """
    import numpy as np
    import polars as pl

    distinct = label.n_unique()
    if distinct < 2:
        raise RowsError(f"The label {label.name!r} holds one value only")
    numeric = label.dtype.is_numeric()
    if numeric and not (distinct == 2 or (label.dtype.is_integer() and distinct <= 5)):
        return Goal("regression", label.cast(pl.Float64).to_numpy())
    if distinct > MOST_CLASSES:
        raise RowsError(
            f"The label {label.name!r} holds {distinct} different texts",
            why=f"A label is a number, or one of at most {MOST_CLASSES} classes",
        )
    if distinct == 2:
        return Goal("binary", (label == label.max()).to_numpy().astype(np.int64), 2)
    return Goal("multiclass", (label.rank("dense") - 1).to_numpy().astype(np.int64), distinct)


def auc(scores: Any, labels: Any) -> float:
    """Return the chance that a row of class 1 scores above one of class 0, ties counting half."""
    import numpy as np

    positives = int(labels.sum())
    negatives = len(labels) - positives
    if not positives or not negatives:
        return float("nan")
    _, place, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = np.cumsum(counts) - (counts - 1) / 2
    above = float(ranks[place][labels == 1].sum()) - positives * (positives + 1) / 2
    return above / (positives * negatives)


def binned(values: Any) -> Any:
    """Return the quantile bin of each value, 0 to `BINS`; the last holds what is missing."""
    import numpy as np

    missing = np.isnan(values)
    if missing.all():
        return np.full(len(values), BINS, np.uint8)
    cuts = np.unique(np.quantile(values[~missing], np.linspace(0, 1, BINS + 1)[1:-1]))
    bins = np.searchsorted(cuts, values, side="right")
    return np.where(missing, BINS, bins).astype(np.uint8)


def explained(bins: Any, targets: Any) -> tuple[float, Any]:
    """Return the share of the variance of targets that bins explain, and the mean of each bin.

    Args:
        bins: The bin of each row.
        targets: Shape [rows, targets].

    Returns:
        The share beyond chance, 0 to 1, and means of shape [bins, targets].
    """
    import numpy as np

    counts = np.bincount(bins, minlength=BINS + 1)
    filled = int((counts > 0).sum())
    centre = targets.mean(axis=0)
    means = np.stack([np.bincount(bins, weights=t, minlength=BINS + 1) for t in targets.T], axis=1)
    means = np.divide(
        means, counts[:, None], out=np.tile(centre, (BINS + 1, 1)), where=counts[:, None] > 0
    )
    total = float(((targets - centre) ** 2).sum())
    if filled < 2 or not total:
        return 0.0, means
    between = float((counts[:, None] * (means - centre) ** 2).sum())
    return max(0.0, between / total - (filled - 1) / len(bins)), means
