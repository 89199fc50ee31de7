"""Linear models of rows: multinomial and several-label logistic regression, and least squares.

All are convex and are fitted by L-BFGS (Nocedal 1980) from wherever the last fit ended, so that
a few more answers cost a few more steps. Truths may be soft: a row with a posterior of .8 and .2
counts as .8 of the one and .2 of the other.
"""

from collections.abc import Callable
from typing import Literal

import numpy as np

from dovetail.labels.learning.rows import Rows
from dovetail.labels.votes import Floats, softmax

__all__ = ["Link", "activated", "fit", "losses"]

Link = Literal["softmax", "sigmoid", "identity"]
_MEMORY = 8
_STEPS = 100
_ENOUGH = 1e-4  # the slope's length, of the first one's
_TINY = 1e-12
Slope = Callable[[Floats], tuple[float, Floats]]


def activated(scores: Floats, link: Link) -> Floats:
    """Probabilities, or values, from the scores of a model."""
    if link == "softmax":
        return softmax(scores.copy())
    if link == "sigmoid":
        found: Floats = 1 / (1 + np.exp(-np.clip(scores, -500, 500)))
        return found
    return scores


def losses(scores: Floats, truth: Floats, link: Link) -> Floats:
    """float[n]: the loss of each row: cross entropy, or half the squared error."""
    if link == "softmax":
        top = scores.max(1, keepdims=True)
        norm = np.log(np.exp(scores - top).sum(1, keepdims=True)) + top
        found: Floats = (truth * (norm - scores)).sum(1)
    elif link == "sigmoid":
        found = (np.logaddexp(0, scores) - truth * scores).sum(1)
    else:
        found = 0.5 * ((scores - truth) ** 2).sum(1)
    return found


def fit(
    rows: Rows,
    truth: Floats,
    weight: Floats,
    link: Link,
    ridge: float,
    start: Floats | None = None,
    enough: float = _ENOUGH,
) -> Floats:
    """float[d + width + 1, k]: weights, the constant last.

    Args:
        rows: n rows.
        truth: float[n, k].
        weight: float[n], what each row counts.
        link: What the scores mean.
        ridge: The weight of the squared length, beside the sum over rows; the constant is free.
        start: Where to begin.
        enough: How flat the end is to be, as a part of the first slope.
    """
    if link == "softmax" and truth.shape[1] == 2:
        return _fit_two(rows, truth, weight, ridge, start, enough)
    size, classes = rows.dense.shape[1] + rows.width, truth.shape[1]
    first = np.zeros((size + 1, classes)) if start is None else start
    total = max(float(weight.sum()), _TINY)

    def slope(flat: Floats) -> tuple[float, Floats]:
        weights = flat.reshape(size + 1, classes)
        scores = rows.times(weights[:-1]) + weights[-1]
        wrong = (activated(scores, link) - truth) * weight[:, None]
        steep = np.empty_like(weights)
        steep[:-1] = rows.back(wrong) + ridge * weights[:-1]
        steep[-1] = wrong.sum(0)
        cost = losses(scores, truth, link) @ weight + ridge / 2 * (weights[:-1] ** 2).sum()
        return float(cost) / total, steep.ravel() / total

    return _descend(slope, first.ravel(), enough).reshape(size + 1, classes)


def _fit_two(
    rows: Rows, truth: Floats, weight: Floats, ridge: float, start: Floats | None, enough: float
) -> Floats:
    """Two classes as one column, which is half the work and has the same minimum."""
    first = None if start is None else start[:, 1:] - start[:, :1]
    found = fit(rows, truth[:, 1:], weight, "sigmoid", ridge / 2, first, enough)
    return np.hstack([-found / 2, found / 2])


def _descend(slope: Slope, point: Floats, enough: float) -> Floats:
    """Follow the slope down: L-BFGS with a backtracking search."""
    value, steep = slope(point)
    goal = max(enough * float(np.linalg.norm(steep)), 1e-7)
    moves: list[tuple[Floats, Floats, float]] = []
    for _ in range(_STEPS):
        if np.linalg.norm(steep) <= goal:
            break
        way = _direction(steep, moves)
        downhill = float(way @ steep)
        if downhill >= 0:
            moves, way, downhill = [], -steep, -float(steep @ steep)
        pace = 1.0 if moves else min(1.0, 1 / (np.abs(steep).sum() + _TINY))
        for _ in range(30):
            ahead = point + pace * way
            new, there = slope(ahead)
            if new <= value + 1e-4 * pace * downhill:
                break
            pace /= 2
        else:
            break
        moved, turned = ahead - point, there - steep
        curve = float(moved @ turned)
        if curve > _TINY:
            moves = [*moves[-_MEMORY + 1 :], (moved, turned, 1 / curve)]
        point, value, steep = ahead, new, there
    return point


def _direction(steep: Floats, moves: list[tuple[Floats, Floats, float]]) -> Floats:
    way = -steep
    shares = []
    for moved, turned, inverse in reversed(moves):
        share = inverse * float(moved @ way)
        way = way - share * turned
        shares.append(share)
    if moves:
        moved, turned, inverse = moves[-1]
        way = way / (inverse * float(turned @ turned))
    for (moved, turned, inverse), share in zip(moves, reversed(shares), strict=True):
        way = way + (share - inverse * float(turned @ way)) * moved
    return way
