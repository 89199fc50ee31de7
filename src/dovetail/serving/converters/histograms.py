"""Histogram gradient boosting of scikit-learn: double precision, missing values, categories.

Categories reach the trees as the codes of an encoder that the estimator keeps, which gives NaN for
what it does not know; the rules of a split are those of its `_predictor.pyx`.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from dovetail.serving.converters.ensemble import Ensemble, Tree
from dovetail.serving.converters.model import ConvertedModel, refuse
from dovetail.serving.forms import Classes, Head, Labels, Trees, Values
from dovetail.serving.forms.steps import with_missing
from dovetail.serving.tensors import Array

__all__ = ["HISTOGRAMS"]

_LINKS = {"IdentityLink": "identity", "LogLink": "exponential"}


def _ensemble(model: Any) -> tuple[Trees, Ensemble]:
    start = np.asarray(model._baseline_prediction, np.float64).ravel()
    ensemble = Ensemble(_width(model))
    for index, trees in enumerate(model._predictors):
        for target, tree in enumerate(trees):
            ensemble.add(_tree(tree, start[target] if index == 0 else 0.0), target)
    return Trees(ensemble.graph(len(start))), ensemble


def _width(model: Any) -> int:
    return int(model._bin_mapper.n_bins_non_missing_.shape[0])


def _tree(predictor: Any, start: float) -> Tree:
    nodes = predictor.nodes
    is_leaf = nodes["is_leaf"].astype(bool)
    sets = {
        int(node): _members(predictor.raw_left_cat_bitsets[nodes["bitset_idx"][node]])
        for node in np.flatnonzero(nodes["is_categorical"] & ~nodes["is_leaf"].astype(bool))
    }
    return Tree(
        feature=nodes["feature_idx"],
        split=nodes["num_threshold"],
        left=np.where(is_leaf, -1, nodes["left"].astype(np.int64)),
        right=np.where(is_leaf, -1, nodes["right"].astype(np.int64)),
        missing_left=nodes["missing_go_to_left"].astype(bool),
        value=nodes["value"] + start,
        sets=sets,
    )


def _members(bits: Array) -> list[float]:
    """Return the numbers whose bits are set, of eight words of 32 bits."""
    found = np.flatnonzero(np.unpackbits(bits.view(np.uint8), bitorder="little"))
    return found.astype(np.float64).tolist()


def _classifier(model: Any) -> ConvertedModel:
    core, ensemble = _ensemble(model)
    labels = Labels.of(model.classes_)
    head = (
        Classes(labels, "sigmoid of two", limit=0.0)
        if len(labels.values) == 2
        else Classes(labels, "softmax")
    )
    return _converted(core, head, ensemble)


def _regressor(model: Any) -> ConvertedModel:
    link = _LINKS.get(type(model._loss.link).__name__)
    if link is None:
        raise refuse(model, f"its loss {model.loss!r} has an unusual link")
    core, ensemble = _ensemble(model)
    return _converted(core, Values(1, link), ensemble)


def _converted(core: Trees, head: Head, ensemble: Ensemble) -> ConvertedModel:
    return ConvertedModel(core, head, with_missing(ensemble.points))


HISTOGRAMS: dict[str, Callable[[Any], ConvertedModel]] = {
    "HistGradientBoostingClassifier": _classifier,
    "HistGradientBoostingRegressor": _regressor,
}
"""Class name to converter."""
