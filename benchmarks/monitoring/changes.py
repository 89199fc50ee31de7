"""Changes of a table of 14 numbers and 6 categories, and how soon they are found."""

import time

import numpy as np
import numpy.typing as npt

from dovetail.monitoring import Findings, Monitor, Reference

CHANGES = {
    "mean": "1 of 20 means moves 0.1 sd",
    "covariance": "a correlation goes from 0 to 0.5",
    "level": "a new category at 5 %",
    "parity": "the sign of a column follows the product of two others on 80 % of rows",
    "rotated": "4 wide directions of 200 columns become 4 others",
    "concept": "a coefficient halves, labels known",
}
QUIET, CHANGED = 30, 30
REFERENCE, DAY = 10_000, 1000
Floats = npt.NDArray[np.float64]
Rows = tuple[dict[str, npt.NDArray[np.generic]], Floats, Floats]
"""Features, scores, labels."""


def rows(r: np.random.Generator, count: int, change: str = "") -> Rows:
    """Some rows, unchanged or changed."""
    x = r.standard_normal((count, 14))
    x[:, 3] = np.exp(0.5 * x[:, 3])
    x[:, 7] = r.poisson(20, count)
    if change == "mean":
        x[:, 0] += 0.1
    if change == "covariance":
        x[:, 1] = 0.5 * x[:, 0] + np.sqrt(0.75) * x[:, 1]
    if change == "parity":
        agrees = np.where(r.random(count) < 0.8, 1, -1)
        x[:, 6] = np.abs(x[:, 6]) * np.sign(x[:, 4] * x[:, 5]) * agrees
    columns: dict[str, npt.NDArray[np.generic]] = {f"n{j}": x[:, j] for j in range(14)}
    for j in range(6):
        shares = 1 / np.arange(1, 4 + 4 * j)
        levels = r.choice(len(shares), count, p=shares / shares.sum())
        columns[f"k{j}"] = levels.astype(np.str_).astype(np.object_)
    if change == "level":
        columns["k0"][r.random(count) < 0.05] = "brand new"
    rest = 0.8 * x[:, 2] - x[:, 1]
    p = 1 / (1 + np.exp(-1.2 * x[:, 0] - rest))
    strength = 0.6 if change == "concept" else 1.2
    y = r.random(count) < 1 / (1 + np.exp(-strength * x[:, 0] - rest))
    return columns, p, y.astype(np.float64)


def wide(r: np.random.Generator, count: int, change: str = "") -> Rows:
    """Some rows of 200 columns, of which 4 directions have variance 3; unchanged or rotated."""
    basis = np.linalg.qr(np.random.default_rng(1).standard_normal((200, 8)))[0]
    sides = basis[:, 4:] if change else basis[:, :4]
    common = r.standard_normal((count, 4)) * np.sqrt(2)
    x = r.standard_normal((count, 200)) + common @ sides.T
    none = np.zeros(0)
    return {f"n{j}": x[:, j] for j in range(200)}, none, none


def delays(change: str, most: int, seconds: float) -> list[float]:
    """Days from a change to its alarm, one a run.

    Infinite where 30 days did not suffice, or where an alarm came before the change.

    Args:
        change: One of `CHANGES`.
        most: How many runs at most.
        seconds: CPU time after which no further run begins.
    """
    end, found = time.process_time() + seconds, list[float]()
    while len(found) < most and (not found or time.process_time() < end):
        r = np.random.default_rng([42, len(found)])
        found.append(_delay(r, change))
    return found


def _delay(r: np.random.Generator, change: str) -> float:
    labelled, make = change == "concept", wide if change == "rotated" else rows
    x, p, y = make(r, REFERENCE)
    monitor = Monitor(Reference.fit(x, scores=p, labels=y) if labelled else Reference.fit(x))

    def update(change: str) -> Findings:
        x, p, y = make(r, DAY, change)
        return monitor.update(x, scores=p, labels=y) if labelled else monitor.update(x)

    if any(update("").alarm for _ in range(QUIET)):
        return np.inf
    alarms = (update(change).alarm for _ in range(CHANGED))
    return next((float(day) for day, alarm in enumerate(alarms, 1) if alarm), np.inf)
