"""Out-of-sample predictions for a table that brings none: a plain model, cross-validated.

Softmax regression on the table's own columns. It is no rival of the user's model; it is there so
that a table can be audited at once, and finds what a simple model can find.
"""

import itertools
import re
import zlib
from typing import TYPE_CHECKING

import numpy as np

from dovetail.base.errors import InvalidInputError
from dovetail.labels.votes import Codes, Floats, softmax

if TYPE_CHECKING:
    import polars as pl

__all__ = ["features_of", "guess"]

_FOLDS = 5
_STEPS = 100
_LEVELS = 50  # distinct texts up to which a column is a category, not text
_WORDS = 512  # places that the words of texts are hashed to
_LEARNED_FROM = 20_000
_RIDGE = 1e-3
_TEXTS = 4.0  # length of a text beside standardised columns
_WORD = re.compile(r"\w+")


def guess(features: Floats, label: Codes, classes: int) -> Floats:
    """float[rows, classes]: probabilities of each row, by models that did not see it.

    Args:
        features: float[rows, columns], of comparable size.
        label: int[rows].
        classes: How many.

    Raises:
        InvalidInputError: there are fewer rows than folds.
    """
    rows = len(label)
    if rows < 2 * _FOLDS:
        raise InvalidInputError(
            f"{rows} rows are too few to predict their labels", fix="give predictions of your own"
        )
    rng = np.random.default_rng(0)
    order = rng.permutation(rows)
    order = order[np.argsort(label[order], kind="stable")]  # each class evenly over the folds
    fold = np.empty(rows, np.int64)
    fold[order] = np.arange(rows) % _FOLDS
    found = np.empty((rows, classes))
    for part in range(_FOLDS):
        rest = np.flatnonzero(fold != part)
        if len(rest) > _LEARNED_FROM:
            rest = rng.choice(rest, _LEARNED_FROM, replace=False)
        weights = _learn(features[rest], label[rest], classes)
        held = fold == part
        found[held] = softmax(_with_one(features[held]) @ weights)
    return found


def features_of(table: "pl.DataFrame") -> Floats:
    """float[rows, columns]: standardised numbers, categories as indicators, texts by hashed words.

    Columns of other kinds, and of texts that differ in each row but are one word, are left out.

    Raises:
        InvalidInputError: no column is of use.
    """
    parts = [part for name in table.columns if (part := _column(table[name])) is not None]
    if not parts:
        raise InvalidInputError(
            "no column tells anything about the label", fix="give predictions of a model of yours"
        )
    return np.hstack(parts)


def _standard(columns: Floats) -> Floats:
    """Columns of mean 0 and deviation 1, without those that never change."""
    deviation = columns.std(0)
    kept = deviation > 1e-12
    found: Floats = (columns[:, kept] - columns[:, kept].mean(0)) / deviation[kept]
    return found


def _column(values: "pl.Series") -> Floats | None:
    if values.dtype.is_numeric() or str(values.dtype) == "Boolean":
        numbers = np.asarray(values.cast(float).to_numpy(), float)
        known = np.isfinite(numbers)
        if not known.any():
            return None
        filled = np.where(known, numbers, np.median(numbers[known]))
        return _standard(np.stack([filled, ~known], 1).astype(float))
    if str(values.dtype) not in ("String", "Categorical", "Enum"):
        return None
    texts = [str(x or "") for x in values.to_list()]
    levels, code = np.unique(texts, return_inverse=True)
    if len(levels) <= _LEVELS:
        return _standard(np.eye(len(levels))[code])
    return _hashed(texts) if any(len(_WORD.findall(x)) > 1 for x in texts[:1000]) else None


def _hashed(texts: list[str]) -> Floats:
    """float[texts, 512]: which words and pairs of words are there, rare ones more, by hash."""
    found = np.zeros((len(texts), _WORDS))
    for row, text in enumerate(texts):
        words = _WORD.findall(text.lower())
        pairs = [f"{a} {b}" for a, b in itertools.pairwise(words)]
        found[row, [zlib.crc32(word.encode()) % _WORDS for word in [*words, *pairs]]] = 1
    found *= np.log((1 + len(texts)) / (1 + found.sum(0)))
    length = np.sqrt((found**2).sum(1, keepdims=True))
    found *= _TEXTS / np.maximum(length, 1e-9)
    return found


def _with_one(features: Floats) -> Floats:
    return np.hstack([features, np.ones((len(features), 1))])


def _learn(features: Floats, label: Codes, classes: int) -> Floats:
    """float[columns + 1, classes]: softmax regression by accelerated gradients (Nesterov 1983)."""
    inputs, truth = _with_one(features), np.eye(classes)[label]
    rows = len(inputs)
    steep = np.linalg.norm(inputs.T @ inputs / rows, 2) / 2 + _RIDGE
    weights = ahead = np.zeros((inputs.shape[1], classes))
    for step in range(_STEPS):
        slope = inputs.T @ (softmax(inputs @ ahead) - truth) / rows + _RIDGE * ahead
        before, weights = weights, ahead - slope / steep
        ahead = weights + step / (step + 3) * (weights - before)
    return weights
