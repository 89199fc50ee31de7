"""Rows on which a tree model and its compiled form are compared.

Trees change their answer only at thresholds, so a comparison on typical rows proves little. These
rows lie on thresholds, one float beside them, at zero, outside every range, and are missing.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from dovetail.serving.tensors import Array

__all__ = ["sample_features"]

_MISSING = 0.1
_PER_FEATURE = 512


def sample_features(dump: Mapping[str, Any], rows: int, *, seed: int = 0) -> Array:
    """Draw rows around the thresholds of a model.

    Args:
        dump: what `lightgbm.Booster.dump_model` gives.
        rows: how many.
        seed: of the random numbers; the same seed draws the same rows.

    Returns:
        FP64 [rows, features], with NaN.
    """
    width = int(dump["max_feature_idx"]) + 1
    numbers, categories = _thresholds(dump, width)
    random = np.random.default_rng(seed)
    matrix = np.empty((rows, width))
    for feature in range(width):
        candidates = _candidates(numbers[feature], categories[feature])
        matrix[:, feature] = random.choice(candidates, rows)
    matrix[random.random(matrix.shape) < _MISSING] = np.nan
    return matrix


def _thresholds(dump: Mapping[str, Any], width: int) -> tuple[list[set[float]], list[set[float]]]:
    numbers: list[set[float]] = [set() for _ in range(width)]
    categories: list[set[float]] = [set() for _ in range(width)]
    pending = [tree["tree_structure"] for tree in dump["tree_info"]]
    while pending:
        node = pending.pop()
        if "split_feature" not in node:
            continue
        feature, threshold = node["split_feature"], node["threshold"]
        if node["decision_type"] == "==":
            categories[feature].update(float(v) for v in str(threshold).split("||"))
        elif len(numbers[feature]) < _PER_FEATURE:
            numbers[feature].add(float(threshold))
        pending += [node["left_child"], node["right_child"]]
    return numbers, categories


def _candidates(numbers: set[float], categories: set[float]) -> Array:
    """Return the values worth trying for one feature."""
    at = np.array(sorted(numbers), np.float64)
    with np.errstate(over="ignore"):  # LightGBM writes 1e300 for "any number"
        single = at.astype(np.float32).astype(np.float64)
    parts = [np.array([0.0, -1.0, 1.0]), at, single]
    if len(at):
        parts += [np.nextafter(at, -np.inf), np.nextafter(at, np.inf)]
        spread = float(np.ptp(at)) or 1.0
        parts.append(np.linspace(at[0] - spread, at[-1] + spread, 16))
    if categories:
        known = np.array(sorted(categories))
        parts += [known, known + 1, known + 0.5, np.array([known[-1] + 1000])]
    return np.concatenate(parts)
