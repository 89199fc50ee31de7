"""LightGBM boosters as trees in double precision.

The rules of a split are those of `Tree::Decision` in LightGBM's `tree.h`; the final
transformations those of `ConvertOutput` of each objective.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dovetail.serving.compiled import CompiledForm
from dovetail.serving.converters.conversion import Conversion
from dovetail.serving.converters.ensemble import Ensemble, Tree
from dovetail.serving.converters.model import ConvertedModel
from dovetail.serving.errors import NotConvertibleError
from dovetail.serving.forms import MatrixInput, Trees, Values, Whole
from dovetail.serving.signature import MatrixSignature

__all__ = ["convert_booster", "convert_dump"]

_INFINITE = 1e300
_ZERO = float(np.float32(1e-35))
_IDENTITY = {
    "", "custom", "regression", "regression_l1", "huber", "fair", "quantile", "mape",
    "lambdarank", "rank_xendcg",
}  # fmt: skip
_EXPONENTIAL = {"poisson", "gamma", "tweedie"}
_SIGMOID = {"binary", "multiclassova", "cross_entropy"}


def convert_dump(dump: Mapping[str, Any], signature: MatrixSignature) -> Conversion:
    """Convert what `lightgbm.Booster.dump_model` gives.

    Raises:
        NotConvertibleError: the model uses linear trees, an unusual objective or zeros as
            missing values.
    """
    found = convert_booster(dump)
    form = CompiledForm(
        input=MatrixInput(signature), steps=tuple(found.steps), core=found.core, head=found.head
    )
    return Conversion(form, found.points, missing=True)


def convert_booster(dump: Mapping[str, Any]) -> ConvertedModel:
    """Convert a dump as `convert_dump` does, for use behind other steps."""
    targets = int(dump["num_tree_per_iteration"])
    head = _head(str(dump.get("objective", "")), targets)
    ensemble, scale = _read(dump)
    steps = [Whole(ensemble.categories)] if ensemble.categories else []
    core = Trees(ensemble.graph(targets, scale=scale))
    return ConvertedModel(core, head, ensemble.points, steps)


def _read(dump: Mapping[str, Any]) -> tuple[Ensemble, float]:
    """Return the trees of a dump, and what leaves are to be multiplied with."""
    targets = int(dump["num_tree_per_iteration"])
    ensemble = Ensemble(int(dump["max_feature_idx"]) + 1)
    for index, tree in enumerate(dump["tree_info"]):
        ensemble.add(_tree(tree["tree_structure"]), index % targets)
    rounds = max(len(dump["tree_info"]) // targets, 1)
    return ensemble, 1.0 / rounds if dump.get("average_output") else 1.0


def _tree(root: Mapping[str, Any]) -> Tree:
    """Lay a nested tree out as arrays, parents before children."""
    rows: list[list[Any]] = []
    sets: dict[int, Sequence[float]] = {}
    pending = [(root, -1, 0)]
    while pending:
        node, parent, side = pending.pop()
        index = len(rows)
        if parent >= 0:
            rows[parent][side] = index
        if "split_feature" not in node:
            if "leaf_coeff" in node:
                raise NotConvertibleError("linear trees have no ONNX form")
            rows.append([0, 0.0, -1, -1, False, float(node["leaf_value"])])
            continue
        threshold, missing_left = 0.0, False
        if node["decision_type"] == "==":
            sets[index] = [float(value) for value in str(node["threshold"]).split("||")]
        else:
            threshold, missing_left = _threshold(node)
        rows.append([node["split_feature"], threshold, 0, 0, missing_left, 0.0])
        pending += [(node["right_child"], index, 3), (node["left_child"], index, 2)]
    feature, split, left, right, missing, value = map(np.array, zip(*rows, strict=True))
    return Tree(feature, split, left, right, missing, value, sets)


def _threshold(split: Mapping[str, Any]) -> tuple[float, bool]:
    """Return the threshold, and whether missing values go left."""
    if split["decision_type"] != "<=":
        raise NotConvertibleError(f"a split decides by {split['decision_type']!r}")
    threshold = float(split["threshold"])
    if threshold >= _INFINITE:  # LightGBM clips values there, so every number is below
        threshold = float("inf")
    elif 0 <= threshold < _ZERO:  # LightGBM takes values this small for zero
        threshold = _ZERO
    elif -_ZERO <= threshold < 0:
        threshold = float(np.nextafter(-_ZERO, -np.inf))
    zero_goes_left = threshold >= 0
    missing = bool(split["default_left"])
    if split["missing_type"] == "None":  # NaN counts as zero
        missing = zero_goes_left
    elif split["missing_type"] == "Zero" and missing != zero_goes_left:
        raise NotConvertibleError("a split sends zeros against the threshold")
    return threshold, missing


def _head(objective: str, targets: int) -> Values:
    """Return the head for an objective such as `binary sigmoid:1`."""
    name, *words = objective.split() or [""]
    parameters = dict(word.partition(":")[::2] for word in words)
    if name in _SIGMOID:
        slope = float(parameters.get("sigmoid", 1.0))
        return Values(targets, "sigmoid", divisor=1.0 / slope)
    if name == "multiclass" and targets > 1:
        return Values(targets, "softmax")
    if name in _EXPONENTIAL:
        return Values(targets, "exponential")
    if name in _IDENTITY and "sqrt" not in words:
        return Values(targets)
    raise NotConvertibleError(f"the objective {objective!r} has no ONNX form here")
