"""Dovetail for the shared labels script: weak labels and crowds.

`bench.py weak --ours benchmarks.labels.adapter` (or `crowd`), with this repository on PYTHONPATH.
"""

from typing import Any

import numpy as np

from dovetail.labels import Votes, combine_votes

__all__ = ["crowd", "weak"]


def weak(matrix: Any, classes: int) -> Any:
    """Combine int[items, functions], -1 where a function abstains, into probabilities."""
    return combine_votes(Votes.of_matrix(matrix, classes))[1]


def crowd(task: Any, worker: Any, label: Any, classes: int) -> Any:
    """Combine answers given as three arrays of codes into probabilities."""
    sizes = int(np.max(task)) + 1, int(np.max(worker)) + 1
    return combine_votes(Votes(task, worker, label, *sizes, classes))[1]
