"""The scikit-learn wrappers of LightGBM and XGBoost, wherever in a pipeline they stand last."""

from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np

from dovetail.serving.converters import lightgbm, xgboost
from dovetail.serving.converters.model import ConvertedModel, refuse
from dovetail.serving.forms import Classes, Head, Labels, Values
from dovetail.serving.forms.steps import with_missing

__all__ = ["WRAPPERS"]


def _xgboost(model: Any) -> ConvertedModel:
    if not np.isnan(model.missing):
        raise refuse(model, f"it takes {model.missing!r} for missing")
    document = msgspec.json.decode(model.get_booster().save_raw("json"))
    is_classifier = type(model).__name__ in ("XGBClassifier", "XGBRFClassifier")
    return xgboost.convert_booster(document, is_classifier=is_classifier)


def _lightgbm(model: Any) -> ConvertedModel:
    return lightgbm.convert_booster(model.booster_.dump_model())


def _lightgbm_classifier(model: Any) -> ConvertedModel:
    converted = lightgbm.convert_booster(model.booster_.dump_model())
    return ConvertedModel(
        converted.core, _classes(model, converted.head), converted.points, converted.steps
    )


def _classes(model: Any, head: Head) -> Classes:
    if not isinstance(head, Values) or np.ndim(model.classes_) != 1:
        raise refuse(model, "it gives several labels")
    labels = Labels.of(model.classes_)
    if head.width == 1 and head.link == "sigmoid":
        return Classes(
            labels, "sigmoid of two", divisor=head.divisor, limit=0.5, by_probability=True
        )
    if head.width == len(labels.values) and head.link in ("softmax", "sigmoid"):
        return Classes(labels, head.link, divisor=head.divisor, by_probability=True)
    raise refuse(model, "its objective gives no probabilities")


def _with_missing(convert: Callable[[Any], ConvertedModel]) -> Callable[[Any], ConvertedModel]:
    def converted(model: Any) -> ConvertedModel:
        found = convert(model)
        points = with_missing(found.points)
        return ConvertedModel(found.core, found.head, points, found.steps)

    return converted


WRAPPERS: dict[str, Callable[[Any], ConvertedModel]] = {
    **dict.fromkeys(
        ("XGBClassifier", "XGBRFClassifier", "XGBRFRegressor", "XGBRanker", "XGBRegressor"),
        _with_missing(_xgboost),
    ),
    **dict.fromkeys(("LGBMRanker", "LGBMRegressor"), _with_missing(_lightgbm)),
    "LGBMClassifier": _with_missing(_lightgbm_classifier),
}
"""Class name to converter."""
