"""Answers whose truth is known."""

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.int64]


def crowd(
    items: int, accuracies: list[float], classes: int = 2, coverage: float = 1.0, seed: int = 0
) -> tuple[Matrix, Matrix]:
    """Return answers int[items, sources], -1 for none, and the truth."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, classes, items)
    size = items, len(accuracies)
    wrong = (truth[:, None] + rng.integers(1, classes, size)) % classes
    said = np.where(rng.random(size) < np.array(accuracies), truth[:, None], wrong)
    said[rng.random(size) > coverage] = -1
    return said, truth


def functions(items: int, seed: int = 0) -> tuple[Matrix, Matrix]:
    """Ten functions that each say one label or nothing, four of the commoner class."""
    rng = np.random.default_rng(seed)
    truth = (rng.random(items) < 0.5).astype(np.int64)
    said = np.full((items, 10), -1)
    for j in range(10):
        label = int(j < 4)
        speaks = np.where(truth == label, 0.35, 0.08)
        said[rng.random(items) < speaks, j] = label
    return said, truth


def majority(said: Matrix, classes: int) -> Matrix:
    """Majority vote, the first label on a tie."""
    return np.stack([(said == c).sum(1) for c in range(classes)], 1).argmax(1)
