"""LightGBM trees as one ONNX `TreeEnsemble` node in double precision.

`TreeEnsemble` (ai.onnx.ml, version 5) compares and sums doubles and knows sets of categories, so
the graph takes the same branch as LightGBM on every input and differs only in the order of
additions. The rules of a split are those of `Tree::Decision` in LightGBM's `tree.h`; the final
transformations those of `ConvertOutput` of each objective.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dovetail.base.extras import require
from dovetail.serving.errors import NotConvertibleError

__all__ = ["TreeModel", "convert"]

_LEQ, _MEMBER = 0, 6
_SUM = 1
_INFINITE = 1e300
_ZERO = float(np.float32(1e-35))
_IDENTITY = {
    "", "custom", "regression", "regression_l1", "huber", "fair", "quantile", "mape",
    "lambdarank", "rank_xendcg",
}  # fmt: skip
_EXPONENTIAL = {"poisson", "gamma", "tweedie"}
_SIGMOID = {"binary", "multiclassova", "cross_entropy"}


@dataclass(frozen=True)
class TreeModel:
    """A converted model.

    Args:
        onnx: the serialised graph: input `input`, output `predict`, both double.
        categories: indices of the features on which trees split by sets.
    """

    onnx: bytes
    categories: tuple[int, ...]


@dataclass
class _Nodes:
    """The columns of the `TreeEnsemble` node, filled tree by tree."""

    features: list[int] = field(default_factory=list)
    splits: list[float] = field(default_factory=list)
    modes: list[int] = field(default_factory=list)
    true_ids: list[int] = field(default_factory=list)
    false_ids: list[int] = field(default_factory=list)
    true_leaf: list[int] = field(default_factory=list)
    false_leaf: list[int] = field(default_factory=list)
    missing_true: list[int] = field(default_factory=list)
    members: list[float] = field(default_factory=list)
    leaf_targets: list[int] = field(default_factory=list)
    leaf_weights: list[float] = field(default_factory=list)
    roots: list[int] = field(default_factory=list)

    def add_tree(self, root: Mapping[str, Any], target: int) -> None:
        """Append a tree whose leaves add to one target."""
        self.roots.append(len(self.features))
        if "split_feature" not in root:
            leaf = self._add_leaf(root, target)
            self._append(0, 0.0, _LEQ, missing=1)
            self._link(self.roots[-1], leaf, True, leaf, True)
            return
        pending = [(root, self._add_split(root))]
        while pending:
            split, index = pending.pop()
            ids, leaves = [], []
            for side in ("left_child", "right_child"):
                child = split[side]
                is_leaf = "split_feature" not in child
                ids.append(self._add_leaf(child, target) if is_leaf else self._add_split(child))
                leaves.append(is_leaf)
                if not is_leaf:
                    pending.append((child, ids[-1]))
            self._link(index, ids[0], leaves[0], ids[1], leaves[1])

    def _add_leaf(self, leaf: Mapping[str, Any], target: int) -> int:
        if "leaf_coeff" in leaf:
            raise NotConvertibleError("linear trees have no ONNX form")
        self.leaf_targets.append(target)
        self.leaf_weights.append(float(leaf["leaf_value"]))
        return len(self.leaf_targets) - 1

    def _add_split(self, split: Mapping[str, Any]) -> int:
        if split["decision_type"] == "==":
            self.members += [float(value) for value in str(split["threshold"]).split("||")]
            self.members.append(float("nan"))
            return self._append(split["split_feature"], 0.0, _MEMBER, missing=0)
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
        return self._append(split["split_feature"], threshold, _LEQ, missing=int(missing))

    def _append(self, feature: int, split: float, mode: int, *, missing: int) -> int:
        self.features.append(feature)
        self.splits.append(split)
        self.modes.append(mode)
        self.missing_true.append(missing)
        for column in (self.true_ids, self.false_ids, self.true_leaf, self.false_leaf):
            column.append(0)
        return len(self.features) - 1

    def _link(self, node: int, left: int, left_leaf: bool, right: int, right_leaf: bool) -> None:
        self.true_ids[node], self.true_leaf[node] = left, int(left_leaf)
        self.false_ids[node], self.false_leaf[node] = right, int(right_leaf)


def convert(dump: Mapping[str, Any]) -> TreeModel:
    """Convert what `lightgbm.Booster.dump_model` gives.

    Raises:
        NotConvertibleError: the model uses linear trees, an unusual objective or zeros as
            missing values.
    """
    onnx = require("onnx", extra="serving", feature="compiling a LightGBM model")
    targets = int(dump["num_tree_per_iteration"])
    nodes = _Nodes()
    for index, tree in enumerate(dump["tree_info"]):
        nodes.add_tree(tree["tree_structure"], index % targets)
    if not nodes.roots:
        raise NotConvertibleError("the model has no trees")
    double, helper = onnx.TensorProto.DOUBLE, onnx.helper
    scale = 1.0 / (len(nodes.roots) // targets) if dump.get("average_output") else 1.0
    trees = _ensemble(helper, onnx.TensorProto, nodes, targets, scale)
    width = int(dump["max_feature_idx"]) + 1
    graph = helper.make_graph(
        [trees, *_transformation(helper, str(dump.get("objective", "")), targets)],
        "lightgbm",
        [helper.make_tensor_value_info("input", double, [None, width])],
        [helper.make_tensor_value_info("predict", double, [None, targets])],
    )
    opsets = [helper.make_opsetid("", 20), helper.make_opsetid("ai.onnx.ml", 5)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=9)
    pairs = zip(nodes.features, nodes.modes, strict=True)
    categories = sorted({feature for feature, mode in pairs if mode == _MEMBER})
    return TreeModel(model.SerializeToString(), tuple(categories))


def _ensemble(helper: Any, types: Any, nodes: _Nodes, targets: int, scale: float) -> Any:
    def doubles(name: str, values: Sequence[float]) -> Any:
        raw = np.asarray(values, np.float64).tobytes()
        return helper.make_tensor(name, types.DOUBLE, [len(values)], raw, raw=True)

    members = {"membership_values": doubles("members", nodes.members)} if nodes.members else {}
    return helper.make_node(
        "TreeEnsemble",
        ["input"],
        ["score"],
        domain="ai.onnx.ml",
        n_targets=targets,
        aggregate_function=_SUM,
        post_transform=0,
        tree_roots=nodes.roots,
        nodes_featureids=nodes.features,
        nodes_splits=doubles("splits", nodes.splits),
        nodes_modes=helper.make_tensor(
            "modes", types.UINT8, [len(nodes.modes)], bytes(nodes.modes), raw=True
        ),
        nodes_truenodeids=nodes.true_ids,
        nodes_falsenodeids=nodes.false_ids,
        nodes_trueleafs=nodes.true_leaf,
        nodes_falseleafs=nodes.false_leaf,
        nodes_missing_value_tracks_true=nodes.missing_true,
        leaf_targetids=nodes.leaf_targets,
        leaf_weights=doubles("weights", [weight * scale for weight in nodes.leaf_weights]),
        **members,
    )


def _transformation(helper: Any, objective: str, targets: int) -> list[Any]:
    """Return the nodes from `score` to `predict` for an objective such as `binary sigmoid:1`."""
    name, *words = objective.split() or [""]
    parameters = dict(word.partition(":")[::2] for word in words)
    if name in _SIGMOID:
        slope = float(parameters.get("sigmoid", 1.0))
        if slope == 1.0:
            return [helper.make_node("Sigmoid", ["score"], ["predict"])]
        constant = helper.make_tensor("slope", 11, [], [slope])
        return [
            helper.make_node("Constant", [], ["slope"], value=constant),
            helper.make_node("Mul", ["score", "slope"], ["scaled"]),
            helper.make_node("Sigmoid", ["scaled"], ["predict"]),
        ]
    if name == "multiclass" and targets > 1:
        return [helper.make_node("Softmax", ["score"], ["predict"], axis=1)]
    if name in _EXPONENTIAL:
        return [helper.make_node("Exp", ["score"], ["predict"])]
    if name in _IDENTITY and "sqrt" not in words:
        return [helper.make_node("Identity", ["score"], ["predict"])]
    raise NotConvertibleError(f"the objective {objective!r} has no ONNX form here")
