"""Dovetail for the shared labels script: label models, label errors, what to label next, routing.

`bench.py PART --ours benchmarks.labels.adapter`, with this repository on PYTHONPATH; PART is weak,
crowd, crowdlab, issues, al or route.
"""

from typing import Any

import numpy as np

from dovetail.labels import Votes, combine_model, combine_votes, find_issues
from dovetail.labels.learning.strategies import DEFAULT, Pool, choose
from dovetail.labels.routing.policy import Target, need

__all__ = ["crowd", "crowd_model", "issues", "query", "route", "weak"]


def weak(matrix: Any, classes: int) -> Any:
    """Combine int[items, functions], -1 where a function abstains, into probabilities."""
    return combine_votes(Votes.of_matrix(matrix, classes))[1]


def crowd(task: Any, worker: Any, label: Any, classes: int) -> Any:
    """Combine answers given as three arrays of codes into probabilities."""
    sizes = int(np.max(task)) + 1, int(np.max(worker)) + 1
    return combine_votes(Votes(task, worker, label, *sizes, classes))[1]


def crowd_model(task: Any, worker: Any, label: Any, probabilities: Any) -> Any:
    """Combine answers and a model's predictions, float[tasks, classes], into probabilities."""
    told = np.asarray(probabilities, float)
    votes = Votes(task, worker, label, len(told), int(np.max(worker)) + 1, told.shape[1])
    return combine_model(votes, told)[1]


def issues(labels: Any, probabilities: Any) -> Any:
    """Return the rows whose label is likely wrong, the surest first."""
    return find_issues(np.asarray(labels), np.asarray(probabilities, float)).suspects


def query(probabilities: Any, pool: Any, labelled: Any, batch: int) -> Any:
    """Return the places in the pool to label next, by the default strategy."""
    told, points, known = (np.asarray(x, float) for x in (probabilities, pool, labelled))
    return choose(DEFAULT, Pool(told, points, known), batch)


def route(task: Any, worker: Any, label: Any, classes: int, items: int, want: float) -> Any:
    """Return bool[items]: which tasks need another answer, given those bought so far."""
    votes = Votes(task, worker, label, items, int(np.max(worker)) + 1, classes)
    return need(votes, Target(quality=want)).wanted
