"""Everything that a fitted model is made of: for making it use one thread, and for checking trees.

A tree that scikit-learn grew is sound. One that came in a file may lead to nodes and features that
do not exist, and scikit-learn follows it without looking. So trees of files that are not trusted
are looked through before they answer.
"""

import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import numpy as np

from dovetail.base.extras import require

__all__ = ["stay_on_this_thread", "tree_problem", "use_one_thread", "walk"]

_MOST = 1_000_000
_threads = threading.local()


def walk(model: Any) -> Iterator[Any]:
    """Yield a model and the objects that it holds, each once."""
    seen: set[int] = set()
    waiting = [model]
    while waiting and len(seen) < _MOST:
        one = waiting.pop()
        if id(one) in seen or isinstance(one, str | bytes | int | float | type | None):
            continue
        seen.add(id(one))
        yield one
        if isinstance(one, dict):
            waiting.extend(one.values())
        elif isinstance(one, list | tuple):
            waiting.extend(one)
        elif isinstance(one, np.ndarray):
            if one.dtype.kind == "O":
                waiting.extend(one.ravel().tolist())
        elif hasattr(one, "__dict__"):
            waiting.extend(vars(one).values())


def use_one_thread(model: Any) -> None:
    """Make a model answer on the thread that calls it: the server's requests fill the cores."""
    for one in walk(model):
        if "n_jobs" in getattr(one, "__dict__", ()):
            one.n_jobs = 1
        if "thread_count" in getattr(one, "__dict__", ()):
            one.thread_count = 1
        if type(one).__module__ == "xgboost.core" and hasattr(one, "set_param"):
            with suppress(Exception):  # an older booster keeps its own number
                one.set_param({"nthread": 1})


def stay_on_this_thread() -> None:
    """Keep the calling thread's native loops on it: OpenMP counts its threads for each caller."""
    if not getattr(_threads, "is_limited", False):
        pools = require("threadpoolctl", extra="serving-sklearn", feature="a scikit-learn model")
        pools.threadpool_limits(1, user_api="openmp")
        _threads.is_limited = True


def tree_problem(model: Any) -> str:
    """Return what is wrong with the trees of a model; empty where they are sound."""
    for one in walk(model):
        tree = _tree_of(one)
        problem = _problem(tree) if tree is not None else ""
        if type(one).__name__ == "TreePredictor":
            problem = _histogram_problem(one)
        if problem:
            return problem
        width = getattr(one, "n_features_in_", None)
        below = [tree, *(_tree_of(member) for member in _members(one))]
        widest = max((t.n_features for t in below if t is not None), default=0)
        if widest and widest != width and not hasattr(one, "estimators_features_"):
            return f"its trees look at {widest} features, the model has {width}"
    return ""


def _members(one: Any) -> list[Any]:
    """Return the members of an ensemble; numpy may hold them, but would unpack a forest."""
    members = getattr(one, "__dict__", {}).get("estimators_", ())
    return members.ravel().tolist() if isinstance(members, np.ndarray) else list(members)


def _tree_of(one: Any) -> Any:
    tree = getattr(one, "__dict__", {}).get("tree_")
    return tree if type(tree).__module__ == "sklearn.tree._tree" else None


def _problem(tree: Any) -> str:
    left, right, feature = tree.children_left, tree.children_right, tree.feature
    inner = np.flatnonzero(left != -1)
    if not len(left):
        return "a tree has no nodes"
    for children in (left[inner], right[inner]):
        # Children come after their parent, so that no path is endless.
        if (children <= inner).any() or (children >= len(left)).any():
            return "a tree leads to a node that it does not have"
    if ((feature[inner] < 0) | (feature[inner] >= tree.n_features)).any():
        return "a tree looks at a feature that it does not have"
    if len(tree.value) != len(left):
        return "a tree has not one value per node"
    return ""


def _histogram_problem(tree: Any) -> str:
    nodes = tree.nodes
    inner = np.flatnonzero(nodes["is_leaf"] == 0)
    if not len(nodes):
        return "a tree has no nodes"
    for side in ("left", "right"):
        children = nodes[side][inner].astype(np.int64)
        if (children <= inner).any() or (children >= len(nodes)).any():
            return "a tree leads to a node that it does not have"
    sets = nodes["bitset_idx"][inner][nodes["is_categorical"][inner] != 0]
    if len(sets) and sets.max() >= len(tree.raw_left_cat_bitsets):
        return "a tree looks at categories that it does not have"
    return ""
