"""Trees and forests of scikit-learn, exactly: inputs in single precision, thresholds in double.

Its trees round every input to single precision and then compare it with a threshold in double
precision; forests add what their trees say in double precision, tree by tree, and divide.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from dovetail.serving.converters.ensemble import Ensemble, Tree
from dovetail.serving.converters.model import ConvertedModel, name_of, refuse
from dovetail.serving.forms import Classes, Finite, Head, Labels, Numbers, Single, Trees, Values
from dovetail.serving.forms.steps import with_missing
from dovetail.serving.tensors import Array

__all__ = ["FORESTS"]


def _tree(fitted: Any, value: Array) -> Tree:
    """Return a fitted `tree_` with one value per node."""
    missing = getattr(fitted, "missing_go_to_left", np.zeros(fitted.node_count))
    return Tree(
        feature=fitted.feature,
        split=fitted.threshold,
        left=fitted.children_left,
        right=fitted.children_right,
        missing_left=missing.astype(bool),
        value=value,
    )


def _takes_missing(model: Any) -> bool:
    first = model.estimators_[0] if hasattr(model, "estimators_") else model
    first = first.ravel()[0] if isinstance(first, np.ndarray) else first
    return all(part.__sklearn_tags__().input_tags.allow_nan for part in (model, first))


def _converted(model: Any, core: Trees, head: Head, ensemble: Ensemble) -> ConvertedModel:
    missing = _takes_missing(model)
    points = with_missing(ensemble.points) if missing else ensemble.points
    return ConvertedModel(core, head, points, [Single(), Finite(missing=missing)])


def _trees(model: Any) -> Sequence[Any]:
    return list(model.estimators_) if hasattr(model, "estimators_") else [model]


def _classifier(model: Any) -> ConvertedModel:
    if model.n_outputs_ != 1:
        raise refuse(model, "it has several outputs")
    trees = _trees(model)
    values = [tree.tree_.value[:, 0, :] for tree in trees]
    if any(not np.allclose(value.sum(axis=1), 1.0) for value in values):
        values = [value / value.sum(axis=1, keepdims=True) for value in values]
    labels = Labels.of(model.classes_)
    count = float(len(trees))
    if len(labels.values) == 2:
        head = Classes(labels, "both", divisor=count, limit=count / 2)
        return _summed(model, [value[:, 1:] for value in values], head)
    return _summed(model, values, Classes(labels, "identity", divisor=count))


def _regressor(model: Any) -> ConvertedModel:
    values = [tree.tree_.value[:, :, 0] for tree in _trees(model)]
    head = Values(values[0].shape[1], divisor=float(len(values)))
    return _summed(model, values, head)


def _summed(model: Any, values: Sequence[Array], head: Head) -> ConvertedModel:
    """Return the sum of the trees' values, one or many per leaf."""
    ensemble = Ensemble(model.n_features_in_)
    width = values[0].shape[1]
    leaves = []
    for index, (tree, value) in enumerate(zip(_trees(model), values, strict=True)):
        if width == 1:
            ensemble.add(_tree(tree.tree_, value[:, 0]), 0)
            continue
        is_leaf = tree.tree_.children_left < 0
        number = np.zeros(len(value))
        number[is_leaf] = ensemble.leaves + np.arange(is_leaf.sum())
        ensemble.add(_tree(tree.tree_, number), index)
        leaves.append(value[is_leaf])
    if width == 1:
        core = Trees(ensemble.graph(1))
    else:
        table = Numbers.of(np.concatenate(leaves))
        core = Trees(ensemble.graph(len(values)), leaves=table)
    return _converted(model, core, head, ensemble)


def _boosted(model: Any) -> tuple[Trees, Ensemble]:
    """Return the sum of gradient boosting's trees, the initial score among it."""
    rounds, targets = model.estimators_.shape
    start = _initial(model, targets)
    ensemble = Ensemble(model.n_features_in_)
    for round_ in range(rounds):
        for target in range(targets):
            fitted = model.estimators_[round_, target].tree_
            value = model.learning_rate * fitted.value[:, 0, 0]
            if round_ == 0:
                value = value + start[target]
            ensemble.add(_tree(fitted, value), target)
    return Trees(ensemble.graph(targets)), ensemble


def _initial(model: Any, targets: int) -> Array:
    if isinstance(model.init_, str):
        return np.zeros(targets)
    if name_of(model.init_) not in ("DummyClassifier", "DummyRegressor"):
        raise refuse(model, "it starts from an estimator of its own")
    row = np.zeros((1, model.n_features_in_), np.float32)
    return np.asarray(model._raw_predict_init(row), np.float64).ravel()


def _boosted_classifier(model: Any) -> ConvertedModel:
    core, ensemble = _boosted(model)
    labels = Labels.of(model.classes_)
    if len(labels.values) == 2:
        divisor = 0.5 if model.loss == "exponential" else 1.0
        # The second class is taken at zero too.
        below = float(np.nextafter(0.0, -1.0))
        head = Classes(labels, "sigmoid of two", divisor=divisor, limit=below)
    else:
        head = Classes(labels, "softmax")
    return _converted(model, core, head, ensemble)


def _boosted_regressor(model: Any) -> ConvertedModel:
    core, ensemble = _boosted(model)
    return _converted(model, core, Values(1), ensemble)


FORESTS: dict[str, Callable[[Any], ConvertedModel]] = {
    "DecisionTreeClassifier": _classifier,
    "DecisionTreeRegressor": _regressor,
    "ExtraTreeClassifier": _classifier,
    "ExtraTreeRegressor": _regressor,
    "ExtraTreesClassifier": _classifier,
    "ExtraTreesRegressor": _regressor,
    "GradientBoostingClassifier": _boosted_classifier,
    "GradientBoostingRegressor": _boosted_regressor,
    "RandomForestClassifier": _classifier,
    "RandomForestRegressor": _regressor,
}
"""Class name to converter."""
