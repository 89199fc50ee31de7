"""Trees of any library as one ONNX `TreeEnsemble` node.

`TreeEnsemble` (ai.onnx.ml, version 5) compares and sums in double or in single precision and
knows sets of categories, so the graph takes the same branch as the original on every input.
onnxruntime adds the leaves in the order of the trees, as the libraries do.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dovetail.base.extras import require
from dovetail.serving.errors import NotConvertibleError
from dovetail.serving.forms.steps import Points
from dovetail.serving.tensors import Array

__all__ = ["Ensemble", "Tree"]

_LEQ, _MEMBER = 0, 6
_SUM = 1
_PER_FEATURE = 512
_NO_CATEGORY = -(2.0**30)
"""Stands in an empty set, which onnxruntime refuses; categories are not negative."""


@dataclass(frozen=True)
class Tree:
    """A binary tree as arrays with one entry per node; the root is the first.

    A row goes left where its value is at most the threshold, or in the set.

    Args:
        feature: index of the feature that a node looks at.
        split: thresholds.
        left: the node to the left; negative for a leaf.
        right: the node to the right.
        missing_left: whether NaN goes left.
        value: of leaves.
        sets: categories that go left, for the nodes that decide by a set.
    """

    feature: Array
    split: Array
    left: Array
    right: Array
    missing_left: Array
    value: Array
    sets: Mapping[int, Sequence[float]] = field(default_factory=dict)

    def check(self, features: int) -> None:
        """Check that every child comes after its parent and every feature is there.

        Raises:
            ValueError: the tree is damaged.
        """
        nodes = len(self.left)
        inner = np.flatnonzero(self.left >= 0)
        for child in (self.left[inner], self.right[inner]):
            if (child <= inner).any() or (child >= nodes).any():
                raise ValueError("a child points back or outside the tree")
        used = self.feature[inner]
        if len(used) and (used.min() < 0 or used.max() >= features):
            raise ValueError(f"a split uses a feature beyond the {features} that there are")


class Ensemble:
    """The columns of a `TreeEnsemble` node, filled tree by tree.

    Args:
        features: how many features there are.
        single: whether it computes in single precision.
    """

    def __init__(self, features: int, *, single: bool = False) -> None:
        self.features, self.single = features, single
        self._parts: dict[str, list[Array]] = {}
        self._members: list[float] = []
        self._nodes = self._leaves = self._trees = 0
        self._cuts: list[set[float]] = [set() for _ in range(features)]
        self._sets: list[set[float]] = [set() for _ in range(features)]

    def add(self, tree: Tree, target: int) -> None:
        """Append a tree whose leaves add to one target."""
        inner = tree.left >= 0
        leaf = ~inner
        weights = tree.value[leaf]
        if not inner.any():  # the node knows no tree without a split
            nowhere = np.zeros(1, int)
            first = np.full(1, self._leaves)
            self._append(nowhere, np.zeros(1), nowhere, first, first, nowhere + 1, nowhere + 1)
            self._part("missing", np.ones(1, int))
        else:
            self._add_splits(tree, inner, leaf)
        self._part("targets", np.full(len(weights), target))
        self._part("weights", weights)
        self._leaves += len(weights)
        self._trees += 1

    def _add_splits(self, tree: Tree, inner: Array, leaf: Array) -> None:
        place = np.where(
            inner, np.cumsum(inner) - 1 + self._nodes, np.cumsum(leaf) - 1 + self._leaves
        )
        modes = np.full(len(inner), _LEQ)
        for node in sorted(tree.sets):
            modes[node] = _MEMBER
            self._members += [*(tree.sets[node] or [_NO_CATEGORY]), float("nan")]
            self._sets[tree.feature[node]].update(tree.sets[node])
        left, right = tree.left[inner], tree.right[inner]
        features, splits = tree.feature[inner], np.where(modes == _LEQ, tree.split, 0.0)[inner]
        for feature, split, mode in zip(features, splits, modes[inner], strict=True):
            if mode == _LEQ and len(self._cuts[feature]) < _PER_FEATURE:
                self._cuts[feature].add(float(split))
        self._append(
            features, splits, modes[inner], place[left], place[right], leaf[left], leaf[right]
        )
        self._part("missing", tree.missing_left[inner])

    def _append(self, features: Array, splits: Array, modes: Array, *links: Array) -> None:
        self._part("roots", np.full(1, self._nodes))
        names = ("true", "false", "true_leaf", "false_leaf")
        for name, values in (
            ("features", features),
            ("splits", splits),
            ("modes", modes),
            *zip(names, links, strict=True),
        ):
            self._part(name, values)
        self._nodes += len(features)

    def _part(self, name: str, values: Array) -> None:
        self._parts.setdefault(name, []).append(values)

    @property
    def leaves(self) -> int:
        """How many leaves the trees have so far: the number of the next."""
        return self._leaves

    @property
    def categories(self) -> tuple[int, ...]:
        """The features on which trees split by sets."""
        return tuple(feature for feature, known in enumerate(self._sets) if known)

    @property
    def points(self) -> Points:
        """Values worth trying: on, beside and far from thresholds, in and outside the sets."""
        dtype = np.float32 if self.single else np.float64
        return [_candidates(c, s, dtype) for c, s in zip(self._cuts, self._sets, strict=True)]

    def graph(self, targets: int, *, scale: float = 1.0) -> bytes:
        """Return the serialised graph, from `input` to `score` [rows, targets].

        Args:
            targets: how many scores there are.
            scale: what leaves are multiplied with.

        Raises:
            NotConvertibleError: there are no trees.
        """
        if not self._trees:
            raise NotConvertibleError("the model has no trees")
        onnx = require("onnx", extra="serving", feature="compiling a model of trees")
        helper, types = onnx.helper, onnx.TensorProto
        kind = types.FLOAT if self.single else types.DOUBLE
        graph = helper.make_graph(
            [self._node(helper, types, targets, scale)],
            "trees",
            [helper.make_tensor_value_info("input", kind, [None, self.features])],
            [helper.make_tensor_value_info("score", kind, [None, targets])],
        )
        opsets = [helper.make_opsetid("", 20), helper.make_opsetid("ai.onnx.ml", 5)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=9)
        return model.SerializeToString()  # type: ignore[no-any-return]

    def _node(self, helper: Any, types: Any, targets: int, scale: float) -> Any:
        kind, dtype = (types.FLOAT, np.float32) if self.single else (types.DOUBLE, np.float64)
        parts = {name: np.concatenate(values) for name, values in self._parts.items()}

        def reals(name: str, values: Any) -> Any:
            raw = np.asarray(values, dtype).tobytes()
            return helper.make_tensor(name, kind, [len(values)], raw, raw=True)

        def whole(name: str) -> list[int]:
            return parts[name].astype(int).tolist()  # type: ignore[no-any-return]

        modes = parts["modes"].astype(np.uint8)
        members = {"membership_values": reals("members", self._members)} if self._members else {}
        return helper.make_node(
            "TreeEnsemble",
            ["input"],
            ["score"],
            domain="ai.onnx.ml",
            n_targets=targets,
            aggregate_function=_SUM,
            post_transform=0,
            tree_roots=whole("roots"),
            nodes_featureids=whole("features"),
            nodes_splits=reals("splits", parts["splits"]),
            nodes_modes=helper.make_tensor(
                "modes", types.UINT8, [len(modes)], modes.tobytes(), raw=True
            ),
            nodes_truenodeids=whole("true"),
            nodes_falsenodeids=whole("false"),
            nodes_trueleafs=whole("true_leaf"),
            nodes_falseleafs=whole("false_leaf"),
            nodes_missing_value_tracks_true=whole("missing"),
            leaf_targetids=whole("targets"),
            leaf_weights=reals("weights", parts["weights"] * scale),
            **members,
        )


def _candidates(cuts: set[float], sets: set[float], dtype: Any) -> Array:
    at = np.array(sorted(cuts), np.float64)
    with np.errstate(over="ignore"):  # LightGBM writes 1e300 for "any number"
        exact = at.astype(dtype)
        single = at.astype(np.float32).astype(np.float64)
        parts = [np.array([0.0, -1.0, 1.0]), at, single]
        for end in (-np.inf, np.inf):
            parts.append(np.nextafter(exact, dtype(end)).astype(np.float64))
    finite = at[np.isfinite(at)]
    if len(finite):
        spread = float(np.ptp(finite)) or 1.0
        parts.append(np.linspace(finite[0] - spread, finite[-1] + spread, 16))
    if sets:
        parts.append(np.repeat(sorted(sets), 4).astype(np.float64))
    return np.concatenate(parts)
