"""Figures on answered items that hold for the open ones, although a strategy chose the items.

A strategy asks about what the model is unsure of, so the answered items are harder than the rest.
Each answered item is weighed by how common its confidence is among open items, in slices of equal
numbers of answered ones (post-stratification): within a slice, whether an item was asked about says
little about whether the model is right.
"""

from typing import cast

import numpy as np

from dovetail.labels.learning.learner import Goal
from dovetail.labels.votes import Floats

__all__ = ["effective", "fair_weights", "sureness"]

_SLICES = 8
_IN_SLICE = 8  # answered items, at least
_POOL = 50  # open items, at least


def sureness(told: Floats, goal: Goal) -> Floats:
    """float[n]: how sure probabilities are: of the likeliest class, or of the least sure label."""
    found = told.max(1) if goal == "one" else np.maximum(told, 1 - told).min(1)
    return cast("Floats", found)


def fair_weights(held: Floats, pool: Floats) -> Floats:
    """float[n], of mean 1: what each answered item counts.

    Args:
        held: float[n], how sure the model was of the answered items when it had not seen them.
        pool: float[m], how sure it is of open ones.
    """
    slices = min(_SLICES, len(held) // _IN_SLICE)
    if slices < 2 or len(pool) < _POOL:
        return np.ones(len(held))
    edges = np.quantile(held, np.arange(1, slices) / slices)
    here = np.searchsorted(edges, held, side="right")
    there = np.bincount(np.searchsorted(edges, pool, side="right"), minlength=slices)
    size = np.bincount(here, minlength=slices)
    # One open item more in each slice: none counts nothing for want of a few open ones.
    share = (there + 1) / (there.sum() + slices)
    found = share[here] / (np.maximum(size, 1) / len(held))[here]
    return cast("Floats", found / found.mean())


def effective(weight: Floats) -> float:
    """How many equal weights are worth the same (Kish 1965)."""
    return float(weight.sum() ** 2 / (weight**2).sum())
