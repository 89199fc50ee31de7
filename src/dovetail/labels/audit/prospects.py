"""What more labels would bring: looking at suspects again, or labelling new rows.

New rows are judged by a learning curve: the plain model is trained on an eighth to all of the rows,
several times, and tested on others; a power law (Hestness et al. 2017) through its errors says what
half as many again and twice as many rows would do. Its interval is what the repeats disagree on;
where it holds nought, or there is nothing to train on, that is what is said.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dovetail.labels.audit.encoding import Encoder, Kinds
from dovetail.labels.audit.guessing import learn, predict
from dovetail.labels.votes import Codes, Floats

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Curve", "learning_curve", "looks_needed"]

_ROWS = 5_000
_REPEATS = 5
_SHARES = (0.125, 0.25, 0.5, 1.0)
_POWERS = (0.25, 0.5, 0.75, 1.0)
_LEAST = 80


@dataclass(frozen=True)
class Curve:
    """Errors of the plain model by the number of rows that it was trained on.

    Attributes:
        rows: int[sizes], how many.
        error: float[sizes], mean error on rows that it did not see.
        spread: float[sizes], standard error of these over repeats.
        doubled: Expected change of the error with twice as many rows, and a 90 % interval.
        recall: float[classes], share of each class's test rows that are told, at full size.
        cleaned: Change of the error where suspects are left out of training, and its interval.
        tested: How many rows the largest models were trained on; all there were where fewer
            than 3,750.
    """

    rows: list[int]
    error: list[float]
    spread: list[float]
    doubled: tuple[float, float, float]
    recall: list[float]
    cleaned: tuple[float, float, float]
    tested: int


def learning_curve(
    table: "pl.DataFrame", kinds: Kinds, label: Codes, suspects: Codes, near: Codes, classes: int
) -> Curve | None:
    """Train the plain model on more and more rows; None where there are too few.

    Args:
        table: The rows.
        kinds: What their columns hold.
        label: int[rows].
        suspects: int[..], rows whose label is likely wrong; these are not tested on.
        near: int[rows], which rows are nearly the same; these are never on both sides.
        classes: How many.
    """
    rng = np.random.default_rng(0)
    some = np.sort(rng.permutation(len(label))[:_ROWS])
    if len(some) < _LEAST:
        return None
    doubtful = np.zeros(len(label), bool)
    doubtful[suspects] = True
    features = Encoder(table[some], kinds)(table[some])
    parts = label[some], doubtful[some], near[some]
    runs = [_one_run(features, *parts, classes, np.random.default_rng(r)) for r in range(_REPEATS)]
    error = np.array([run[0] for run in runs])
    cleaned = np.array([run[1] for run in runs])
    told = np.nansum([run[2] for run in runs], 0) / np.maximum(
        np.sum([np.isfinite(run[2]) for run in runs], 0), 1
    )
    sizes = np.array(runs[0][3])
    ahead = np.array([_ahead(sizes, _resampled(error, rng)) for _ in range(60)])
    middle = _ahead(sizes, error.mean(0))
    tested = round(len(label) * 0.75) if len(label) <= _ROWS else int(sizes[-1])
    low, high = np.quantile(ahead, [0.05, 0.95])
    half = 1.645 * cleaned.std(ddof=1) / np.sqrt(_REPEATS)
    return Curve(
        sizes.tolist(),
        error.mean(0).tolist(),
        (error.std(0, ddof=1) / np.sqrt(_REPEATS)).tolist(),
        (middle, float(low), float(high)),
        told.tolist(),
        (float(cleaned.mean()), float(cleaned.mean() - half), float(cleaned.mean() + half)),
        tested,
    )


def _one_run(
    features: Floats, label: Codes, doubtful: np.ndarray, near: Codes, classes: int,
    rng: np.random.Generator,
) -> tuple[list[float], float, Floats, list[int]]:  # fmt: skip
    """Errors by size, the change without suspects, recall by class, and sizes, of one split."""
    heads, place = np.unique(near, return_inverse=True)
    tested = (rng.random(len(heads)) < 0.25)[place]
    test = np.flatnonzero(tested & ~doubtful)
    train = rng.permutation(np.flatnonzero(~tested))
    sizes = [max(round(share * 0.75 * len(label)), 2) for share in _SHARES]
    errors = []
    for size in sizes:
        part = train[:size]
        said = predict(features[test], learn(features[part], label[part], classes)).argmax(1)
        errors.append(float((said != label[test]).mean()) if len(test) else 0.0)
    many = np.bincount(label[test], minlength=classes)
    hit = np.bincount(label[test], said == label[test], classes)
    recall = np.where(many > 0, hit / np.maximum(many, 1), np.nan)
    clean = train[~doubtful[train]]
    if len(clean) in (0, len(train)):
        return errors, 0.0, recall, sizes
    said = predict(features[test], learn(features[clean], label[clean], classes)).argmax(1)
    return errors, float((said != label[test]).mean()) - errors[-1], recall, sizes


def _resampled(error: Floats, rng: np.random.Generator) -> Floats:
    found: Floats = error[rng.integers(0, len(error), len(error))].mean(0)
    return found


def _ahead(sizes: Codes, error: Floats) -> float:
    """Change of the error with twice the largest size, by the best of some power laws."""
    best = (np.inf, 0.0)
    for power in _POWERS:
        design = np.stack([np.ones(len(sizes)), sizes.astype(float) ** -power], 1)
        found = np.linalg.lstsq(design, error, rcond=None)[0]
        floor, steep = max(found[0], 0.0), found[1]
        if found[0] < 0:
            steep = float(error @ design[:, 1] / (design[:, 1] @ design[:, 1]))
        missed = float(((floor + steep * design[:, 1] - error) ** 2).sum())
        if missed < best[0]:
            largest = float(sizes[-1])
            change = steep * ((2 * largest) ** -power - largest**-power)
            best = (missed, float(change))
    return best[1]


def looks_needed(chance: Floats, wrong: float, rows: int, target: float) -> tuple[int, float]:
    """How many suspects must be looked at again for a share of right labels, and what it becomes.

    Args:
        chance: float[s], probability that each suspect is wrong, the surest first.
        wrong: Estimated number of wrong labels.
        rows: Of how many.
        target: The share.

    Returns:
        The number, all suspects where even these do not suffice, and the share then.
    """
    left = (wrong - np.cumsum(np.minimum(chance, 1.0))) / rows
    enough = np.flatnonzero(1 - left >= target)
    many = int(enough[0]) + 1 if len(enough) else len(chance)
    if not many:
        return 0, 1 - wrong / rows
    return many, float(min(1 - max(left[many - 1], 0.0), 1.0))
