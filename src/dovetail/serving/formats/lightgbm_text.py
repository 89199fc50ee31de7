"""A check of LightGBM's text format before native code reads it.

LightGBM trusts its files: a truncated or altered one can read outside its arrays or walk a tree
for ever, and would take the whole server with it. The rules are those of `Tree::ToString` in
LightGBM's source: children come after their parent, every index lies inside its array.
"""

from collections.abc import Mapping

import numpy as np

from dovetail.serving.errors import BadModelError

__all__ = ["check_text"]

_PER_SPLIT = ("split_feature", "threshold", "decision_type", "left_child", "right_child")
_IS_CATEGORICAL = 1


def check_text(text: str, source: object) -> None:
    """Check a whole text model.

    Args:
        text: the file's content.
        source: how to name the file in messages.

    Raises:
        BadModelError: it is truncated or a tree is inconsistent.
    """
    head, *blocks = text.split("\nTree=")
    header = _fields(head)
    if "end of trees" not in text:
        raise BadModelError(source, "the file is truncated: 'end of trees' is missing")
    try:
        features = int(header["max_feature_idx"]) + 1
        due = len(header["tree_sizes"].split())
    except (KeyError, ValueError) as error:
        raise BadModelError(source, f"its header is damaged: {error}") from error
    if len(blocks) != due:
        raise BadModelError(source, f"it has {len(blocks)} trees, its header says {due}")
    for number, block in enumerate(blocks):
        try:
            _check_tree(_fields(block.split("end of trees")[0]), features)
        except (KeyError, ValueError) as error:
            raise BadModelError(source, f"tree {number} is damaged: {error}") from error


def _fields(block: str) -> dict[str, str]:
    lines = (line.partition("=") for line in block.splitlines())
    return {key: value for key, equals, value in lines if equals}


def _check_tree(tree: Mapping[str, str], features: int) -> None:
    leaves = int(tree["num_leaves"])
    if leaves < 1 or len(_numbers(tree, "leaf_value")) != leaves:
        raise ValueError(f"{leaves} leaves do not have a value each")
    if leaves == 1:
        return
    splits = {key: _numbers(tree, key) for key in _PER_SPLIT}
    for key, values in splits.items():
        if len(values) != leaves - 1:
            raise ValueError(f"{key} has {len(values)} entries for {leaves - 1} splits")
    if splits["split_feature"].min() < 0 or splits["split_feature"].max() >= features:
        raise ValueError(f"a split uses a feature beyond the {features} that there are")
    own = np.arange(leaves - 1)
    for key in ("left_child", "right_child"):
        child = splits[key]
        inner = child >= 0
        if (child[inner] <= own[inner]).any() or (child >= leaves - 1).any():
            raise ValueError(f"{key} points back or outside the tree")
        if (~child[~inner].astype(int) >= leaves).any():
            raise ValueError(f"{key} points to a leaf that does not exist")
    _check_categories(tree, splits["threshold"], splits["decision_type"])


def _check_categories(
    tree: Mapping[str, str],
    thresholds: "np.ndarray[tuple[int], np.dtype[np.float64]]",
    decisions: "np.ndarray[tuple[int], np.dtype[np.float64]]",
) -> None:
    categorical = thresholds[(decisions.astype(int) & _IS_CATEGORICAL) != 0]
    if not len(categorical):
        return
    bounds, bits = _numbers(tree, "cat_boundaries"), _numbers(tree, "cat_threshold")
    ordered = len(bounds) > 1 and bounds[0] == 0 and (np.diff(bounds) >= 0).all()
    if not ordered or bounds[-1] != len(bits):
        raise ValueError("cat_boundaries do not fit cat_threshold")
    if categorical.min() < 0 or categorical.max() >= len(bounds) - 1:
        raise ValueError("a categorical split has no categories")


def _numbers(tree: Mapping[str, str], key: str) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    return np.array(tree[key].split(), dtype=np.float64)
