"""CatBoost models of numeric features as trees: compared in single precision, added in double.

The document is what CatBoost's own `save_model(format="json")` writes. A symmetric tree asks one
question per level; bit by bit the answers are the number of the leaf, the first the lowest.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from dovetail.serving.compiled import CompiledForm
from dovetail.serving.converters.conversion import Conversion
from dovetail.serving.converters.ensemble import Ensemble, Tree
from dovetail.serving.errors import NotConvertibleError
from dovetail.serving.forms import (
    Classes,
    Head,
    Labels,
    MatrixInput,
    Numbers,
    Single,
    Trees,
    Values,
)
from dovetail.serving.signature import MatrixSignature
from dovetail.serving.tensors import Array

__all__ = ["convert_document"]

_IDENTITY = {
    "Expectile", "Huber", "LogCosh", "Lq", "MAE", "MAPE", "MultiRMSE", "Quantile", "QueryRMSE",
    "RMSE", "YetiRank", "YetiRankPairwise", "PairLogit", "PairLogitPairwise",
}  # fmt: skip
_EXPONENTIAL = {"Poisson", "Tweedie"}
_TWO = {"CrossEntropy", "Logloss"}


def convert_document(
    document: Mapping[str, Any], signature: MatrixSignature, loss: str, classes: Any
) -> Conversion:
    """Convert a model.

    Args:
        document: the model as CatBoost writes it in JSON.
        signature: what it takes.
        loss: name of its loss.
        classes: the labels; empty for a regression.

    Raises:
        NotConvertibleError: it has features that are not numbers, or an unusual loss.
    """
    features = document["features_info"]
    if set(features) - {"float_features"}:
        raise NotConvertibleError("CatBoost's categories, texts and embeddings have no form here")
    places = _Places(features["float_features"])
    trees = [_tree_of(tree, places) for tree in _trees(document)]
    scale, bias = document["scale_and_bias"]
    ensemble = Ensemble(signature.width)
    core = _core(ensemble, trees, float(scale), np.atleast_1d(np.asarray(bias, np.float64)))
    form = CompiledForm(
        input=MatrixInput(signature), steps=(Single(),), core=core, head=_head(loss, classes, core)
    )
    return Conversion(form, ensemble.points, missing=True)


class _Places:
    """Where features are in a row, and where their missing values go.

    Args:
        features: of the document.
    """

    def __init__(self, features: list[Mapping[str, Any]]) -> None:
        self.flat = {int(f["feature_index"]): int(f["flat_feature_index"]) for f in features}
        self.right = {
            int(f["flat_feature_index"])
            for f in features
            if f.get("nan_value_treatment") == "AsTrue"
        }

    def split(self, split: Mapping[str, Any]) -> tuple[int, float]:
        """Return the feature and the border of a split."""
        if split["split_type"] != "FloatFeature":
            raise NotConvertibleError(f"a split is of the type {split['split_type']!r}")
        return self.flat[int(split["float_feature_index"])], float(np.float32(split["border"]))


def _trees(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    found = document.get("oblivious_trees") or document.get("trees") or []
    if not found:
        raise NotConvertibleError("the model has no trees")
    return list(found)


def _tree_of(tree: Mapping[str, Any], places: _Places) -> tuple[Tree, Array]:
    """Return a tree, and the values of its nodes [nodes, scores]."""
    return _symmetric(tree, places) if "leaf_values" in tree else _nested(tree, places)


def _symmetric(tree: Mapping[str, Any], places: _Places) -> tuple[Tree, Array]:
    splits = [places.split(split) for split in tree.get("splits") or ()]
    depth = len(splits)
    inner, leaves = 2**depth - 1, 2**depth
    node = np.arange(inner)
    level = np.floor(np.log2(node + 1)).astype(int)
    outside = np.zeros(leaves, int)
    feature = np.array([split[0] for split in splits], int)[level]
    border = np.array([split[1] for split in splits], float)[level]
    path = np.arange(leaves)
    number = np.zeros(leaves, int)
    for bit in range(depth):
        number |= ((path >> (depth - 1 - bit)) & 1) << bit
    values = np.asarray(tree["leaf_values"], np.float64).reshape(leaves, -1)[number]
    found = Tree(
        feature=np.concatenate([feature, outside]),
        split=np.concatenate([border, outside]),
        left=np.concatenate([2 * node + 1, outside - 1]),
        right=np.concatenate([2 * node + 2, outside - 1]),
        missing_left=_goes_left(np.concatenate([feature, outside]), places),
        value=np.zeros(inner + leaves),
    )
    return found, np.vstack([np.zeros((inner, values.shape[1])), values])


def _nested(root: Mapping[str, Any], places: _Places) -> tuple[Tree, Array]:
    rows: list[list[Any]] = []
    values: list[Any] = []
    pending = [(root, -1, 0)]
    while pending:
        node, parent, side = pending.pop()
        index = len(rows)
        if parent >= 0:
            rows[parent][side] = index
        values.append(np.atleast_1d(np.asarray(node.get("value", 0.0), np.float64)))
        if "split" not in node:
            rows.append([0, 0.0, -1, -1])
            continue
        rows.append([*places.split(node["split"]), 0, 0])
        pending += [(node["right"], index, 3), (node["left"], index, 2)]
    feature, border, left, right = map(np.array, zip(*rows, strict=True))
    width = max(len(value) for value in values)
    table = np.array([np.broadcast_to(value, (width,)) for value in values])
    missing = _goes_left(feature, places)
    return Tree(feature, border, left, right, missing, np.zeros(len(rows))), table


def _goes_left(feature: Array, places: _Places) -> Array:
    return ~np.isin(feature, list(places.right))


def _core(ensemble: Ensemble, trees: list[tuple[Tree, Array]], scale: float, bias: Array) -> Trees:
    """Return the sum of the trees, the bias in the first."""
    width = trees[0][1].shape[1]
    tables = []
    for index, (tree, values) in enumerate(trees):
        values = values * scale + (bias if index == 0 else 0.0)
        is_leaf = tree.left < 0
        if width == 1:
            value = values[:, 0]
        else:
            value = np.zeros(len(values))
            value[is_leaf] = ensemble.leaves + np.arange(is_leaf.sum())
            tables.append(values[is_leaf])
        ensemble.add(_with_value(tree, value), 0 if width == 1 else index)
    if width == 1:
        return Trees(ensemble.graph(1))
    return Trees(ensemble.graph(len(trees)), leaves=Numbers.of(np.concatenate(tables)))


def _with_value(tree: Tree, value: Array) -> Tree:
    return Tree(tree.feature, tree.split, tree.left, tree.right, tree.missing_left, value)


def _head(loss: str, classes: Any, core: Trees) -> Head:
    width = 1 if core.leaves is None else core.leaves.shape[1]
    if loss in _TWO and len(classes) == 2:
        return Classes(Labels.of(classes), "sigmoid of two", limit=0.0)
    if loss == "MultiClass" and len(classes) == width:
        return Classes(Labels.of(classes), "softmax")
    if loss == "MultiClassOneVsAll" and len(classes) == width:
        return Classes(Labels.of(classes), "sigmoid")
    if loss in _IDENTITY or loss in _EXPONENTIAL:
        return Values(width, "exponential" if loss in _EXPONENTIAL else "identity")
    raise NotConvertibleError(f"the loss {loss!r} has no compiled form")
