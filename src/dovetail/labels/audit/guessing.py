"""Out-of-sample predictions for a table that brings none: a plain model, cross-validated.

Softmax regression on the table's own columns. It is no rival of the user's model; it is there so
that a table can be audited at once, and finds what a simple model can find.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from dovetail.base.errors import InvalidInputError
from dovetail.labels.audit.encoding import Encoder, Kinds
from dovetail.labels.votes import Codes, Floats, softmax

if TYPE_CHECKING:
    import polars as pl

__all__ = ["guess", "learn", "predict"]

_FOLDS = 5
_STEPS = 70
_LEARNED_FROM = 20_000
_RIDGE = 1e-3
_CHUNK = 50_000


def guess(table: "pl.DataFrame", kinds: Kinds, label: Codes, classes: int, group: Codes) -> Floats:
    """float[rows, classes]: probabilities of each row, by models that did not see it.

    Args:
        table: The rows.
        kinds: What its columns hold.
        label: int[rows].
        classes: How many.
        group: int[rows], which rows are nearly the same; these are never on both sides.

    Raises:
        InvalidInputError: there are fewer rows than folds, or no column is of use.
    """
    rows = len(label)
    if rows < 2 * _FOLDS:
        raise InvalidInputError(
            f"{rows} rows are too few to predict their labels", fix="give predictions of your own"
        )
    rng = np.random.default_rng(0)
    fold = _folds(label, group, rng)
    some = np.sort(rng.permutation(rows)[: (_FOLDS * _LEARNED_FROM) // (_FOLDS - 1)])
    encoder = Encoder(table[some], kinds)
    features = encoder(table[some])
    weights = []
    for part in range(_FOLDS):
        rest = fold[some] != part
        weights.append(learn(features[rest], label[some][rest], classes))
    found = np.empty((rows, classes))
    for at in range(0, rows, _CHUNK):
        block = features if len(some) == rows else encoder(table[at : at + _CHUNK])
        block = block[at : at + _CHUNK] if len(some) == rows else block
        for part in range(_FOLDS):
            held = np.flatnonzero(fold[at : at + _CHUNK] == part)
            found[at + held] = predict(block[held], weights[part])
    return found


def _folds(label: Codes, group: Codes, rng: np.random.Generator) -> Codes:
    """int[rows]: each class evenly over the folds, and each group in one."""
    order = rng.permutation(len(label))
    order = order[np.argsort(label[order], kind="stable")]
    fold = np.empty(len(label), np.int64)
    fold[order] = np.arange(len(label)) % _FOLDS
    together: Codes = fold[group]
    return together


def learn(features: Floats, label: Codes, classes: int) -> Floats:
    """float[columns + 1, classes]: softmax regression by accelerated gradients (Nesterov 1983).

    Args:
        features: float[rows, columns], of comparable size.
        label: int[rows].
        classes: How many.
    """
    # Half the digits: what is seldom in memory twice is read at twice the speed.
    inputs: Any = _with_one(features).astype(np.float32)
    truth = np.eye(classes, dtype=np.float32)[label]
    rows = np.float32(len(inputs))
    steep = np.float32(_steepest(inputs) / 2 + _RIDGE)
    weights = ahead = np.zeros((inputs.shape[1], classes), np.float32)
    for step in range(_STEPS):
        missed = softmax(inputs @ ahead) - truth
        slope = (missed.T @ inputs).T / rows + np.float32(_RIDGE) * ahead
        before, weights = weights, ahead - slope / steep
        ahead = weights + np.float32(step / (step + 3)) * (weights - before)
    return weights.astype(float)


def predict(features: Floats, weights: Floats) -> Floats:
    """float[rows, classes]: probabilities by what `learn` gave."""
    return softmax(_with_one(features) @ weights)


def _steepest(inputs: Floats) -> float:
    """Largest eigenvalue of the inputs' second moments, by power iteration, a little above."""
    along = np.ones(inputs.shape[1]) / np.sqrt(inputs.shape[1])
    for _ in range(12):
        turned = inputs.T @ (inputs @ along) / len(inputs)
        size = float(np.linalg.norm(turned))
        if size < 1e-12:
            return 1e-12
        along = turned / size
    return 1.1 * size


def _with_one(features: Floats) -> Floats:
    return np.hstack([features, np.ones((len(features), 1))])
