"""The columns that a booster behind scikit-learn's interface knows as pandas categoricals.

LightGBM and XGBoost tell categories by their place in the list that they were fitted with, so a
request's column must be made with that very list.
"""

from contextlib import suppress
from typing import Any

__all__ = ["categoricals_of"]


def categoricals_of(estimator: Any) -> dict[int, tuple[Any, ...]]:
    """Return the categories by the column's index; empty where the model has none, or is another.

    Args:
        estimator: a fitted one.
    """
    library = type(estimator).__module__.partition(".")[0]
    if library == "lightgbm":
        return _of_lightgbm(estimator)
    if library == "xgboost":
        return _of_xgboost(estimator)
    return {}


def _of_lightgbm(estimator: Any) -> dict[int, tuple[Any, ...]]:
    booster = getattr(estimator, "booster_", None)
    known = getattr(booster, "pandas_categorical", None) or []
    indices = (getattr(booster, "params", None) or {}).get("categorical_column", [])
    if len(known) != len(indices):
        return {}
    return {int(index): tuple(values) for index, values in zip(sorted(indices), known, strict=True)}


def _of_xgboost(estimator: Any) -> dict[int, tuple[Any, ...]]:
    with suppress(Exception):  # boosters before 3.1 do not keep them, and pyarrow may be missing
        found = estimator.get_booster().get_categories(export_to_arrow=True).to_arrow()
        return {
            index: tuple(values.to_pylist())
            for index, (_, values) in enumerate(found)
            if values is not None
        }
    return {}
