"""Cores: from a matrix of features to scores.

A linear model is one product in numpy, half the time that any runtime takes to be called. Trees
are an ONNX `TreeEnsemble` node, which adds leaves in the order of the trees.
"""

import math
from collections.abc import Callable

import msgspec
import numpy as np

from dovetail.serving.errors import InferenceFailedError
from dovetail.serving.formats.onnx import open_session
from dovetail.serving.forms.numbers import Numbers
from dovetail.serving.forms.steps import MatrixStep, check_finite
from dovetail.serving.tensors import Array

__all__ = ["Core", "Linear", "Trees"]


class Linear(msgspec.Struct, frozen=True, tag="linear"):
    """A weighted sum per score.

    Args:
        weights: FP64 [features, scores].
        intercept: FP64 [scores].
    """

    weights: Numbers
    intercept: Numbers

    platform = "dovetail_linear"

    def open(self) -> MatrixStep:
        """Return the function."""
        weights, intercept = self.weights.array(), self.intercept.array()

        def score(matrix: Array) -> Array:
            found: Array = matrix @ weights
            found += intercept
            # A value that is not finite makes a score that is not, even where its weight is 0.
            total = found.item() if found.size == 1 else np.add.reduce(found, axis=None)
            if not math.isfinite(total):
                check_finite(matrix, missing=False)
            return found

        return score


class Trees(msgspec.Struct, frozen=True, tag="trees"):
    """A graph of trees, from `input` [rows, features] to `score` [rows, scores].

    Args:
        graph: the serialised ONNX model.
        single: whether it takes FP32 rather than FP64.
        leaves: FP64 [leaves, scores]. Where given, the graph answers the number of each tree's
            leaf, and the score is the sum of their rows: for leaves of many values.
    """

    graph: bytes
    single: bool = False
    leaves: Numbers | None = None

    platform = "onnxruntime_onnx"

    def open(self) -> MatrixStep:
        """Return the function.

        Raises:
            BadModelError: onnxruntime does not take the graph.
        """
        run = _runner(self.graph)
        if self.leaves is not None:
            values = self.leaves.array()
            return lambda matrix: values[run(matrix).astype(np.intp)].sum(axis=1)
        if self.single:
            return lambda matrix: run(_single(matrix))
        return run


Core = Linear | Trees


def _runner(graph: bytes) -> Callable[[Array], Array]:
    call = open_session(graph).run
    names = ["score"]

    def run(matrix: Array) -> Array:
        try:
            return call(names, {"input": matrix})[0]  # type: ignore[no-any-return]
        except Exception as error:
            # onnxruntime's exceptions are pybind classes that share no public base.
            raise InferenceFailedError("onnxruntime could not predict", why=str(error)) from error

    return run


def _single(matrix: Array) -> Array:
    with np.errstate(over="ignore"):
        return matrix.astype(np.float32, copy=False)
