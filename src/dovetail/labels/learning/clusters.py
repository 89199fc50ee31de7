"""Clusters of points and how typical a point is among others, for the strategies."""

from typing import cast

import numpy as np

from dovetail.labels.votes import Codes, Floats

__all__ = ["clustered", "distances", "typicality"]

_ROUNDS = 12
_TRIED = 4  # beginnings of which the best is taken


def distances(points: Floats, others: Floats) -> Floats:
    """float[n, m]: squared distances."""
    found = (points**2).sum(1)[:, None] - 2 * points @ others.T + (others**2).sum(1)
    found = np.maximum(found, 0.0)
    return cast("Floats", found)


def clustered(points: Floats, count: int, rng: np.random.Generator) -> Codes:
    """int[n]: the cluster of each point, by k-means from far-apart beginnings (Arthur 2007)."""
    centres = _beginnings(points, count, rng)
    found = np.zeros(len(points), np.int64)
    for step in range(_ROUNDS):
        before, found = found, distances(points, centres).argmin(1)
        if step and (before == found).all():
            break
        size = np.bincount(found, minlength=count)
        order = np.argsort(found, kind="stable")
        filled = np.flatnonzero(size)
        begin = np.concatenate([[0], np.cumsum(size)])[filled]
        centres[filled] = np.add.reduceat(points[order], begin, axis=0) / size[filled, None]
    return found


def _beginnings(points: Floats, count: int, rng: np.random.Generator) -> Floats:
    chosen = [int(rng.integers(len(points)))]
    far = distances(points, points[chosen])[:, 0]
    for _ in range(count - 1):
        total = float(far.sum())
        if total <= 0:
            chosen.append(0)
            continue
        tried = np.searchsorted(np.cumsum(far), rng.random(_TRIED) * total)
        tried = np.minimum(tried, len(points) - 1)
        left = np.minimum(far[:, None], distances(points, points[tried]))
        best = int(left.sum(0).argmin())
        chosen.append(int(tried[best]))
        far = left[:, best]
    return points[chosen].copy()


def typicality(points: Floats, near: int) -> Floats:
    """float[n]: the inverse of the mean distance to the nearest others (Hacohen 2022)."""
    count = min(near, len(points) - 1)
    if count < 1:
        return np.ones(len(points))
    apart = np.sqrt(distances(points, points))
    close = np.partition(apart, count, axis=1)[:, : count + 1].sum(1) / count
    found: Floats = 1 / (close + 1e-12)
    return found
