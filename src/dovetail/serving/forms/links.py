"""Links: the functions from a model's scores to values or probabilities, by name.

Each takes and gives an array of rows. Names say what they do, not which library uses them.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from dovetail.serving.tensors import Array

__all__ = ["LINKS"]


def _identity(score: Array) -> Array:
    return score


def _exponential(score: Array) -> Array:
    with np.errstate(over="ignore"):
        return np.exp(score)


def _sigmoid(score: Array) -> Array:
    with np.errstate(over="ignore"):  # exp gives infinity, and the result is 0 as it should be
        return 1.0 / (1.0 + np.exp(-score))


def _softmax(score: Array) -> Array:
    powers = np.exp(score - score.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)  # type: ignore[no-any-return]


def _both(second: Array) -> Array:
    """Return the probabilities of both classes from that of the second, [rows, 1]."""
    both = np.empty((len(second), 2), second.dtype)
    both[:, 1] = second[:, 0]
    np.subtract(1.0, second[:, 0], out=both[:, 0])
    return both


def _sigmoid_of_two(score: Array) -> Array:
    return _both(_sigmoid(score))


def _sigmoids_normalised(score: Array) -> Array:
    """Return one class against all others, brought to a sum of one."""
    found = _sigmoid(score)
    total = found.sum(axis=1, keepdims=True)
    nothing = total[:, 0] == 0
    if nothing.any():
        found[nothing], total[nothing] = 1.0, score.shape[1]
    return found / total  # type: ignore[no-any-return]


def _positive(score: Array) -> Array:
    found: Array = np.where(score > 0, score.dtype.type(1), score.dtype.type(0))
    return found


def _largest(score: Array) -> Array:
    found: Array = score.argmax(axis=1)
    return found.reshape(-1, 1)


LINKS: Mapping[str, Callable[[Array], Array]] = MappingProxyType(
    {
        "identity": _identity,
        "exponential": _exponential,
        "sigmoid": _sigmoid,
        "softmax": _softmax,
        "both": _both,
        "largest": _largest,
        "positive": _positive,
        "sigmoid of two": _sigmoid_of_two,
        "sigmoids normalised": _sigmoids_normalised,
    }
)
"""By name; forms on disk hold the names."""
