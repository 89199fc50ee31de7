"""How the answers of an ensemble's steps become one."""

from collections.abc import Mapping, Sequence

import numpy as np

from dovetail.serving.errors import InferenceFailedError
from dovetail.serving.tensors import Array

__all__ = ["combine"]

Answer = tuple[str, float, Mapping[str, Array]]
"""A step's name, its weight, and its outputs."""


def combine(how: str, answers: Sequence[Answer]) -> dict[str, Array]:
    """Return the outputs of an ensemble.

    Args:
        how: `outputs`, `mean` or `vote`.
        answers: of the steps, in order.

    Raises:
        InferenceFailedError: there is no answer, or the answers do not fit each other.

    Example:
        >>> answers = [("a", 1.0, {"y": np.array([1.0])}), ("b", 3.0, {"y": np.array([2.0])})]
        >>> combine("mean", answers)
        {'y': array([1.75])}
    """
    if not answers:
        raise InferenceFailedError("no step of the ensemble answered")
    if how == "outputs":
        return {
            f"{step}.{name}": array
            for step, _, outputs in answers
            for name, array in outputs.items()
        }
    shared = [name for name in answers[0][2] if all(name in outputs for _, _, outputs in answers)]
    if not shared:
        raise InferenceFailedError(
            "the steps of the ensemble have no output in common",
            fix="let it combine `outputs`, or name the same output in each step's `outputs`",
        )
    weights = np.array([weight for _, weight, _ in answers])
    if not weights.sum():
        raise InferenceFailedError("the steps of the ensemble that answered have no weight")
    merge = _mean if how == "mean" else _vote
    return {name: merge(name, _stacked(name, answers), weights) for name in shared}


def _stacked(name: str, answers: Sequence[Answer]) -> Array:
    arrays = [outputs[name] for _, _, outputs in answers]
    shapes = {array.shape for array in arrays}
    if len(shapes) > 1:
        raise InferenceFailedError(
            f"the steps of the ensemble give {name!r} in different shapes",
            why=", ".join(sorted(str(list(shape)) for shape in shapes)),
        )
    return np.stack(arrays)


def _mean(name: str, stacked: Array, weights: Array) -> Array:
    if stacked.dtype.kind not in "biuf":
        raise InferenceFailedError(f"output {name!r} is text, which has no mean", fix="let it vote")
    mean: Array = np.tensordot(weights / weights.sum(), stacked.astype(np.float64), axes=1)
    return mean.astype(stacked.dtype) if stacked.dtype.kind == "f" else mean


def _vote(name: str, stacked: Array, weights: Array) -> Array:
    """Return the value with the most votes; of equals, the one of the earlier step."""
    votes = np.stack(
        [
            np.tensordot(weights, np.asarray(stacked == one).astype(np.float64), axes=1)
            for one in stacked
        ]
    )
    winner = votes.argmax(axis=0)
    chosen: Array = np.take_along_axis(stacked, winner[np.newaxis], axis=0)[0]
    return chosen
