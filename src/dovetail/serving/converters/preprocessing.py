"""Fitted transformers of scikit-learn as steps, in its order of operations.

A step rounds as scikit-learn's own code does, because trees behind it turn at exact values.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from dovetail.serving.converters.model import name_of, refuse
from dovetail.serving.forms import (
    Arithmetic,
    Clip,
    Fill,
    Finite,
    Numbers,
    Pick,
    Product,
    SimpleStep,
)
from dovetail.serving.tensors import Array

__all__ = ["convert_transformer"]

Steps = list[SimpleStep]


def convert_transformer(transformer: Any, *, with_indicator: bool = False) -> Steps:
    """Return the steps of a fitted transformer of numbers.

    Args:
        transformer: a fitted one, None or "passthrough".
        with_indicator: whether the columns that say what was missing are made elsewhere.

    Raises:
        NotConvertibleError: it is of a kind that has no steps here.
    """
    if transformer is None or isinstance(transformer, str):
        if transformer in (None, "passthrough"):
            return []
        raise refuse(transformer, f"{transformer!r} is no transformer")
    if getattr(transformer, "indicator_", None) is not None and not with_indicator:
        raise refuse(transformer, "it adds columns that say what was missing")
    convert = _CONVERTERS.get(name_of(transformer))
    if convert is None:
        raise refuse(transformer)
    return convert(transformer)


def _operation(operation: Any, values: Any) -> Arithmetic:
    return Arithmetic(operation, Numbers.of(values))


def _standard(scaler: Any) -> Steps:
    found: Steps = [Finite(missing=True)]
    if scaler.with_mean:
        found.append(_operation("subtract", scaler.mean_))
    if scaler.with_std:
        found.append(_operation("divide", scaler.scale_))
    return found


def _robust(scaler: Any) -> Steps:
    found: Steps = [Finite(missing=True)]
    if scaler.with_centering:
        found.append(_operation("subtract", scaler.center_))
    if scaler.with_scaling:
        found.append(_operation("divide", scaler.scale_))
    return found


def _min_max(scaler: Any) -> Steps:
    found: Steps = [
        Finite(missing=True),
        _operation("multiply", scaler.scale_),
        _operation("add", scaler.min_),
    ]
    if scaler.clip:
        low, high = scaler.feature_range
        found.append(Clip(float(low), float(high)))
    return found


def _max_abs(scaler: Any) -> Steps:
    found: Steps = [Finite(missing=True), _operation("divide", scaler.scale_)]
    if getattr(scaler, "clip", False):
        found.append(Clip(-1.0, 1.0))
    return found


def _imputer(imputer: Any) -> Steps:
    try:
        values = np.asarray(imputer.statistics_, np.float64)
    except (TypeError, ValueError) as error:
        raise refuse(imputer, "it fills something other than numbers") from error
    marker = imputer.missing_values
    is_nan = isinstance(marker, float) and np.isnan(marker)
    if not is_nan and not isinstance(marker, int | float):
        raise refuse(imputer, f"it takes {marker!r} for missing")
    missing = None if is_nan else float(marker)
    found: Steps = [Finite(missing=is_nan)]
    known = np.flatnonzero(~np.isnan(values))
    if len(known) < len(values):  # it drops a column that was all missing
        found.append(_pick(known, len(values)))
    return [*found, Fill(Numbers.of(values[known]), missing)]


def _pick(columns: Array, width: int) -> Pick:
    return Pick(tuple(int(column) for column in columns), int(width))


def _selector(selector: Any) -> Steps:
    mask = np.asarray(selector.get_support())
    missing = bool(selector.__sklearn_tags__().input_tags.allow_nan)
    return [Finite(missing=missing), _pick(np.flatnonzero(mask), len(mask))]


def _pca(pca: Any) -> Steps:
    weights = pca.components_.T
    found: Steps = [
        Finite(),
        Product(Numbers.of(weights), Numbers.of(pca.mean_ @ weights)),
    ]
    if pca.whiten:
        scale = np.sqrt(pca.explained_variance_)
        found.append(_operation("divide", np.maximum(scale, np.finfo(scale.dtype).eps)))
    return found


def _svd(svd: Any) -> Steps:
    weights = svd.components_.T
    return [Finite(), Product(Numbers.of(weights), Numbers.of(np.zeros(weights.shape[1])))]


def _function(transformer: Any) -> Steps:
    func = transformer.func
    inner = getattr(func, "func", func)
    is_check = getattr(inner, "__name__", "") == "check_array"  # of histogram boosting
    if func is not None and not (is_check and inner.__module__.startswith("sklearn.")):
        raise refuse(transformer, "it calls a function of its own")
    return []


_CONVERTERS: dict[str, Callable[[Any], Steps]] = {
    "StandardScaler": _standard,
    "RobustScaler": _robust,
    "MinMaxScaler": _min_max,
    "MaxAbsScaler": _max_abs,
    "SimpleImputer": _imputer,
    "PCA": _pca,
    "TruncatedSVD": _svd,
    "FunctionTransformer": _function,
    "VarianceThreshold": _selector,
    "SelectKBest": _selector,
    "SelectPercentile": _selector,
    "SelectFpr": _selector,
    "SelectFdr": _selector,
    "SelectFwe": _selector,
    "SelectFromModel": _selector,
    "RFE": _selector,
    "RFECV": _selector,
}
