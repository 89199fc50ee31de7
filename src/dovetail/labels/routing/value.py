"""What one more answer is worth: the information it would bring, and when that is too little.

The gain is the mutual information, in nats, between the item's label and the answer, at what the
answer still counts after those that are there already (`effective`). It is large where nobody
knows, small where the label is sure, and small too where many disagree and one more would change
nothing: that is how hopeless items are told from open ones.
"""

import numpy as np

from dovetail.labels.routing.belief import effective
from dovetail.labels.votes import Codes, Floats

__all__ = ["bar", "gain", "gain_of_each"]


def gain(posterior: Floats, answers: Codes, confusion: Floats, rho: float) -> Floats:
    """float[items]: nats that one more answer brings.

    Args:
        posterior: float[items, classes].
        answers: int[items], how many answers there are.
        confusion: float[label, truth], P(answer | truth) of who is asked.
        rho: How much errors are shared.

    Example:
        Unsure items gain more than sure ones, fresh items more than long disputed ones:

        >>> cells = np.array([[0.9, 0.1], [0.1, 0.9]])
        >>> gain(np.array([[0.5, 0.5], [0.99, 0.01]]), np.array([2, 2]), cells, 0.25).round(3)
        array([0.21 , 0.009])
        >>> gain(np.array([[0.5, 0.5]]), np.array([10]), cells, 0.25).round(3)
        array([0.047])
    """
    found = np.zeros(len(posterior))
    for told in np.unique(answers):
        some = answers == told
        cells = _tempered(confusion, int(told), rho)
        found[some] = _information(posterior[some], cells[None])
    return found


def gain_of_each(posterior: Floats, answers: int, confusions: Floats, rho: float) -> Floats:
    """float[sources]: nats that an answer of each source brings on one item.

    Args:
        posterior: float[classes].
        answers: How many answers there are.
        confusions: float[sources, label, truth].
        rho: How much errors are shared.
    """
    cells = _tempered(confusions, answers, rho)
    repeated = np.broadcast_to(posterior, (len(cells), len(posterior)))
    return _information(repeated, cells)


def bar(confusion: Floats, want: float, floor: int, rho: float) -> float:
    """Nats that an answer brings on an item that is exactly as sure as wanted after the floor.

    Args:
        confusion: float[label, truth].
        want: The probability that is sure enough.
        floor: Answers that every item gets.
        rho: How much errors are shared.
    """
    classes = len(confusion)
    sure = np.full((classes, classes), (1 - want) / (classes - 1))
    np.fill_diagonal(sure, want)
    return float(gain(sure, np.full(classes, floor), confusion, rho).mean())


def _tempered(confusion: Floats, answers: int, rho: float) -> Floats:
    """P(answer | truth) flattened to what the next answer counts after so many."""
    cells: Floats = confusion ** (1 / float(effective(answers + 1, rho)[0]))
    cells /= cells.sum(-2, keepdims=True)
    return cells


def _information(posterior: Floats, cells: Floats) -> Floats:
    """Mutual information of truth and answer; first axes are broadcast."""
    joint = posterior[:, None, :] * cells
    told = joint.sum(2, keepdims=True)
    ratio = cells / np.maximum(told, 1e-300)
    nats: Floats = np.maximum((joint * np.log(np.maximum(ratio, 1e-300))).sum((1, 2)), 0.0)
    return nats
