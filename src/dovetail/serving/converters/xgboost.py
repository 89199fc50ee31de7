"""XGBoost models as trees in single precision, added in XGBoost's own order.

XGBoost compares single-precision values with single-precision thresholds and adds leaves in single
precision, beginning with the base score. The form does the same, so its scores are XGBoost's to
the last bit; only exponentials may differ in the last digits. The layout of the document is
that of `doc/model.schema` in XGBoost's source.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from dovetail.serving.compiled import CompiledForm
from dovetail.serving.converters.conversion import Conversion
from dovetail.serving.converters.ensemble import Ensemble, Tree
from dovetail.serving.converters.model import ConvertedModel
from dovetail.serving.errors import NotConvertibleError
from dovetail.serving.forms import Classes, Head, Labels, MatrixInput, Trees, Values, Whole
from dovetail.serving.forms.links import LINKS
from dovetail.serving.signature import MatrixSignature
from dovetail.serving.tensors import Array

__all__ = ["BoosterHead", "check_document", "convert_booster", "convert_document", "read_head"]

_IDENTITY = {
    "binary:logitraw", "rank:map", "rank:ndcg", "rank:pairwise", "reg:absoluteerror",
    "reg:expectileerror", "reg:pseudohubererror", "reg:quantileerror", "reg:squarederror",
    "reg:squaredlogerror",
}  # fmt: skip
_SIGMOID = {"binary:logistic", "reg:logistic"}
_EXPONENTIAL = {"count:poisson", "reg:gamma", "reg:tweedie", "survival:aft", "survival:cox"}


@dataclass(frozen=True)
class BoosterHead:
    """What a document says beside its trees.

    Args:
        objective: name of the objective.
        features: how many features there are.
        groups: how many scores.
        base: the scores that rows begin with, before trees.
        is_classifier: whether scikit-learn's wrapper of a classifier saved it.
        is_linear: whether it has weights in place of trees.
        names: of the features; may be empty.
        rounds: how many rounds count, where training stopped early; 0 for all.
    """

    objective: str
    features: int
    groups: int
    base: Array
    is_classifier: bool
    is_linear: bool
    names: tuple[str, ...]
    rounds: int


def read_head(document: Any) -> BoosterHead:
    """Read what a document says beside its trees."""
    learner = document["learner"]
    shape, attributes = learner["learner_model_param"], learner.get("attributes", {})
    groups = max(int(shape.get("num_class", 0)), int(shape.get("num_target", 1)), 1)
    wrapper = msgspec.json.decode(attributes.get("scikit_learn", "{}"))
    is_linear = learner["gradient_booster"]["name"] == "gblinear"
    early = "best_iteration" in attributes and not is_linear
    return BoosterHead(
        objective=str(learner["objective"]["name"]),
        features=int(shape["num_feature"]),
        groups=groups,
        base=_base(str(shape["base_score"]), groups),
        is_classifier=wrapper.get("_estimator_type") == "classifier",
        is_linear=is_linear,
        names=tuple(str(name) for name in learner.get("feature_names", [])),
        rounds=int(attributes["best_iteration"]) + 1 if early else 0,
    )


def _base(text: str, groups: int) -> Array:
    """Return the base score from `5E-1`, or from `[1E-1,2E-1]` as newer versions write."""
    values = np.array(text.strip("[]").split(","), np.float32)
    return np.broadcast_to(values, (groups,)).copy()


def check_document(document: Any) -> None:
    """Check that a document's trees are sound.

    Raises:
        ValueError: a tree is inconsistent; KeyError or TypeError where a part is missing.
    """
    head = read_head(document)
    if head.is_linear:
        return
    model = _model(document)
    trees, owners = model["trees"], model["tree_info"]
    if len(trees) != len(owners) or len(trees) != int(model["gbtree_model_param"]["num_trees"]):
        raise ValueError(f"it has {len(trees)} trees, which is not what it says")
    if any(not 0 <= owner < head.groups for owner in owners):
        raise ValueError(f"a tree adds to a score beyond the {head.groups} that there are")
    if head.rounds and not 0 <= head.rounds < len(model["iteration_indptr"]):
        raise ValueError("its best round is beyond the last")
    for tree in trees:
        _check(tree, head.features)


def _model(document: Any) -> Any:
    booster = document["learner"]["gradient_booster"]
    return booster["gbtree"]["model"] if booster["name"] == "dart" else booster["model"]


_PER_NODE = (
    "left_children", "right_children", "split_indices", "split_conditions", "default_left",
    "split_type",
)  # fmt: skip


def _check(tree: Mapping[str, Any], features: int) -> None:
    nodes = int(tree["tree_param"]["num_nodes"])
    if nodes < 1 or any(len(tree[key]) != nodes for key in _PER_NODE):
        raise ValueError(f"a tree does not have {nodes} entries of each kind")
    _tree(tree, np.float32(0.0), np.float32(1.0)).check(features)
    segments = zip(tree["categories_segments"], tree["categories_sizes"], strict=True)
    if any(start < 0 or start + size > len(tree["categories"]) for start, size in segments):
        raise ValueError("a set of categories lies outside the tree")
    if any(not 0 <= node < nodes for node in tree["categories_nodes"]):
        raise ValueError("a set of categories belongs to no node")


def convert_document(document: Any, signature: MatrixSignature) -> Conversion:
    """Convert a model's document.

    Args:
        document: of JSON or Universal Binary JSON.
        signature: what the model takes, in FP32.

    Raises:
        NotConvertibleError: it uses vector leaves, the linear booster, or an unusual objective.
    """
    found = convert_booster(document)
    form = CompiledForm(
        input=MatrixInput(signature), steps=tuple(found.steps), core=found.core, head=found.head
    )
    return Conversion(form, found.points, missing=True)


def convert_booster(document: Any, *, is_classifier: bool = False) -> ConvertedModel:
    """Convert a document as `convert_document` does, for use behind other steps.

    Args:
        document: of JSON or Universal Binary JSON.
        is_classifier: whether it is one, where the document does not say.
    """
    boosted = read_head(document)
    if boosted.is_linear:
        raise NotConvertibleError("XGBoost's linear booster has no compiled form")
    head = _classes(boosted) if boosted.is_classifier or is_classifier else _values(boosted)
    ensemble = _ensemble(document, boosted)
    steps = [Whole(ensemble.categories, "floor")] if ensemble.categories else []
    core = Trees(ensemble.graph(boosted.groups), single=True)
    return ConvertedModel(core, head, ensemble.points, steps)


def _ensemble(document: Any, boosted: BoosterHead) -> Ensemble:
    """Return the trees, the first of each score beginning with its base score."""
    margins, model = _margins(boosted), _model(document)
    weights = document["learner"]["gradient_booster"].get("weight_drop")
    used = int(model["iteration_indptr"][boosted.rounds]) if boosted.rounds else None
    ensemble = Ensemble(boosted.features, single=True)
    started: set[int] = set()
    owners = model["tree_info"][:used]
    for index, (tree, owner) in enumerate(zip(model["trees"][:used], owners, strict=True)):
        if int(tree["tree_param"].get("size_leaf_vector", 1)) > 1:
            raise NotConvertibleError("trees with a vector per leaf have no compiled form")
        weight = 1.0 if weights is None else weights[index]
        base = np.float32(0.0) if owner in started else margins[owner]
        started.add(owner)
        ensemble.add(_tree(tree, base, np.float32(weight)), owner)
    if len(started) < boosted.groups:
        raise NotConvertibleError("a score has no tree")
    return ensemble


def _tree(tree: Mapping[str, Any], base: np.float32, weight: np.float32) -> Tree:
    """Return a tree that begins with a base score: left is below, so at most the number below."""
    left, right = np.array(tree["left_children"]), np.array(tree["right_children"])
    conditions = np.array(tree["split_conditions"], np.float32)
    missing = np.array(tree["default_left"]).astype(bool)
    sets: dict[int, list[float]] = {}
    categories = np.array(tree["categories"]).astype(float)
    for node, start, size in zip(
        tree["categories_nodes"],
        tree["categories_segments"],
        tree["categories_sizes"],
        strict=True,
    ):
        sets[int(node)] = categories[int(start) : int(start) + int(size)].tolist()
        # XGBoost sends the set to the right.
        left[node], right[node] = right[node], left[node]
        missing[node] = not missing[node]
    return Tree(
        feature=np.array(tree["split_indices"]),
        split=np.nextafter(conditions, np.float32(-np.inf)).astype(np.float64),
        left=left,
        right=right,
        missing_left=missing,
        value=(base + weight * conditions).astype(np.float64),
        sets=sets,
    )


def _margins(boosted: BoosterHead) -> Array:
    """Return the base scores on the scale on which trees add."""
    base, one = boosted.base, np.float32(1.0)
    if boosted.objective in _SIGMOID:
        return -np.log(one / base - one)
    if boosted.objective in _EXPONENTIAL:
        return np.log(base)
    return base


def _values(boosted: BoosterHead) -> Head:
    objective, groups = boosted.objective, boosted.groups
    if objective == "multi:softprob":
        return Values(groups, "softmax", datatype="FP32")
    if objective == "multi:softmax":
        return Values(1, "largest", datatype="FP32")
    if objective == "binary:hinge":
        return Values(groups, "positive", datatype="FP32")
    return Values(groups, _link(objective), datatype="FP32")


def _classes(boosted: BoosterHead) -> Head:
    labels = Labels.of(np.arange(max(boosted.groups, 2)))
    if boosted.objective == "multi:softprob":
        return Classes(labels, "softmax", by_probability=True, datatype="FP32")
    if boosted.objective in _SIGMOID and boosted.groups == 1:
        return Classes(labels, "sigmoid of two", limit=_even_score(), datatype="FP32")
    raise NotConvertibleError(f"a classifier by {boosted.objective!r} has no compiled form")


def _link(objective: str) -> str:
    for names, link in (
        (_IDENTITY, "identity"),
        (_SIGMOID, "sigmoid"),
        (_EXPONENTIAL, "exponential"),
    ):
        if objective in names:
            return link
    raise NotConvertibleError(f"the objective {objective!r} has no compiled form")


def _even_score() -> float:
    """Return the largest score whose probability is not above a half, in single precision."""
    scores = np.arange(256, dtype=np.float32) * np.float32(2.0**-30)
    return float(scores[LINKS["sigmoid"](scores) <= np.float32(0.5)].max())
