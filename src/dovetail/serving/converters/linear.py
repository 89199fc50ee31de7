"""Linear models of scikit-learn as one product, with the steps before it folded in.

Folding changes only how a sum is rounded, in the last digits of double precision.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from dovetail.serving.converters.model import AnyStep, ConvertedModel, refuse
from dovetail.serving.forms import (
    Arithmetic,
    Classes,
    Labels,
    Linear,
    Numbers,
    Pick,
    Product,
    Values,
)
from dovetail.serving.forms.steps import Points
from dovetail.serving.tensors import Array

__all__ = ["LINEAR", "fold"]

_LOG_LINKS = {"PoissonRegressor", "GammaRegressor"}


def _regressor(model: Any) -> ConvertedModel:
    weights = np.atleast_2d(np.asarray(model.coef_, np.float64))
    core = _core(weights, model.intercept_)
    return ConvertedModel(core, Values(len(weights), _link(model)), _points(weights))


def _link(model: Any) -> str:
    kind = type(model).__name__
    if kind == "TweedieRegressor":
        is_log = model.link == "log" or (model.link == "auto" and model.power > 0)
        return "exponential" if is_log else "identity"
    return "exponential" if kind in _LOG_LINKS else "identity"


def _classifier(probabilities: Callable[[Any], str]) -> Callable[[Any], ConvertedModel]:
    """Return the converter of classifiers whose link depends on the number of classes."""

    def convert(model: Any) -> ConvertedModel:
        weights = np.atleast_2d(np.asarray(model.coef_, np.float64))
        if np.ndim(model.classes_) != 1 or len(model.classes_) < 2:
            raise refuse(model, "it gives several labels, or only one")
        two = len(weights) == 1
        head = Classes(Labels.of(model.classes_), probabilities(model), limit=0.0 if two else None)
        return ConvertedModel(_core(weights, model.intercept_), head, _points(weights))

    return convert


def _no_probabilities(model: Any) -> str:
    del model
    return ""


def _logistic(model: Any) -> str:
    multinomial = getattr(model, "multi_class", "") == "multinomial"
    if len(model.classes_) == 2:
        if multinomial:
            raise refuse(model, "of two classes it takes the multinomial probability")
        return "sigmoid of two"
    one_by_one = getattr(model, "multi_class", "") == "ovr" or model.solver == "liblinear"
    return "sigmoids normalised" if one_by_one else "softmax"


def _descent(model: Any) -> str:
    if model.loss == "log_loss":
        return "sigmoid of two" if len(model.classes_) == 2 else "sigmoids normalised"
    if model.loss == "modified_huber":
        raise refuse(model, "its probabilities are those of the loss modified_huber")
    return ""


def _discriminant(model: Any) -> str:
    return "sigmoid of two" if len(model.classes_) == 2 else "softmax"


def _core(weights: Array, intercept: Any) -> Linear:
    values = np.broadcast_to(np.asarray(intercept, np.float64).ravel(), (len(weights),))
    return Linear(Numbers.of(weights.T), Numbers.of(values))


def _points(weights: Array) -> Points:
    """Return normal values, and such that matter beside the weight, by feature."""
    normal = np.random.default_rng(0).normal(size=64)
    size = np.abs(weights).max(axis=0)
    size[~(size > 0)] = 1.0
    return [np.concatenate([3.0 * normal, normal / s, np.zeros(1)]) for s in size]


def fold(
    steps: Sequence[AnyStep], core: Linear, points: Points
) -> tuple[list[AnyStep], Linear, Points]:
    """Fold the steps before a product into it, from the last to the first that cannot be.

    Returns:
        The steps that are left, the product, and values worth trying behind those steps.
    """
    weights, intercept = core.weights.array().copy(), core.intercept.array().copy()
    left = list(steps)
    while left:
        step = left[-1]
        if isinstance(step, Arithmetic):
            weights, intercept = _through(step, weights, intercept)
        elif isinstance(step, Product):
            intercept = intercept - step.offset.array() @ weights
            weights = step.weights.array() @ weights
        elif isinstance(step, Pick) and len(set(step.columns)) == len(step.columns):
            whole = np.zeros((step.width, weights.shape[1]))
            whole[list(step.columns)] = weights
            weights = whole
        elif not _is_checked_anyway(left):
            break
        points = step.back(points)
        left.pop()
    return left, Linear(Numbers.of(weights), Numbers.of(intercept)), points


def _is_checked_anyway(steps: Sequence[AnyStep]) -> bool:
    """Whether the last step refuses only what the product refuses too."""
    return type(steps[-1]).__name__ == "Finite"


def _through(step: Arithmetic, weights: Array, intercept: Array) -> tuple[Array, Array]:
    values = step.values.array()
    if step.operation == "subtract":
        return weights, intercept - values @ weights
    if step.operation == "add":
        return weights, intercept + values @ weights
    if step.operation == "divide":
        return weights / values[:, None], intercept
    return weights * values[:, None], intercept


LINEAR: dict[str, Callable[[Any], ConvertedModel]] = {
    **dict.fromkeys(
        (
            "ARDRegression", "BayesianRidge", "ElasticNet", "ElasticNetCV", "GammaRegressor",
            "HuberRegressor", "Lars", "LarsCV", "Lasso", "LassoCV", "LassoLars", "LassoLarsCV",
            "LassoLarsIC", "LinearRegression", "LinearSVR", "MultiTaskElasticNet",
            "MultiTaskElasticNetCV", "MultiTaskLasso", "MultiTaskLassoCV",
            "OrthogonalMatchingPursuit", "OrthogonalMatchingPursuitCV",
            "PassiveAggressiveRegressor", "PoissonRegressor", "QuantileRegressor", "Ridge",
            "RidgeCV", "SGDRegressor", "TheilSenRegressor",
            "TweedieRegressor",
        ),
        _regressor,
    ),
    **dict.fromkeys(
        (
            "LinearSVC", "PassiveAggressiveClassifier", "Perceptron", "RidgeClassifier",
            "RidgeClassifierCV",
        ),
        _classifier(_no_probabilities),
    ),
    **dict.fromkeys(("LogisticRegression", "LogisticRegressionCV"), _classifier(_logistic)),
    "SGDClassifier": _classifier(_descent),
    "LinearDiscriminantAnalysis": _classifier(_discriminant),
}  # fmt: skip
"""Class name to converter."""
