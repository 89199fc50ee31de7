"""What a fitted estimator takes, read from the estimator itself.

A model that was fitted on a DataFrame knows its columns' names, and its encoders know which of them
are text and which values they may have. Where a column's type cannot be known, as in front of a
function of the user's own, it is taken as it comes.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

from dovetail.serving.formats.sklearn_categoricals import categoricals_of
from dovetail.serving.signature import MatrixSignature, NamedSignature, Signature
from dovetail.serving.table import Column, TableSignature
from dovetail.serving.tensors import TensorSpec

__all__ = ["INPUT", "Kind", "is_fitted_on_names", "kinds_of", "signature_of"]

INPUT = "input"
_MOST_CATEGORIES = 1000
_ASKED = 8  # members of an ensemble that are asked what they take
_INSIDE = (
    "best_estimator_",
    "regressor_",
    "estimator_",
    "estimators_",
    "calibrated_classifiers_",
    "estimator",
)
_TEXT_READERS = ("CountVectorizer", "TfidfVectorizer", "HashingVectorizer")


@dataclass(frozen=True)
class Kind:
    """What one column holds.

    Args:
        datatype: the protocol's name of its type; BYTES is text.
        categories: the values that an encoder knows.
        content: "any" where nothing is known of it.
        is_used: whether the model looks at it.
        missing: what a missing text is to the model: NaN or None.
        is_categorical: whether the model takes a pandas categorical of just these categories.
    """

    datatype: str = "FP64"
    categories: tuple[Any, ...] = ()
    content: str = ""
    is_used: bool = True
    missing: float | None = float("nan")
    is_categorical: bool = False

    @property
    def is_text(self) -> bool:
        """Whether it holds text."""
        return self.datatype == "BYTES"


_NUMBER = Kind()
_ANY = Kind(content="any")


def signature_of(
    estimator: Any, schema: Sequence[Column] = ()
) -> tuple[Signature, tuple[Kind, ...]]:
    """Return what an estimator takes, and what its columns hold.

    Args:
        estimator: a fitted one.
        schema: columns as the model's author described them; used where they have the names, or
            in a model without names the number, of those that the estimator was fitted on.
    """
    names = _names(estimator)
    if type(_first(estimator)).__name__ in _TEXT_READERS and not names:
        return TableSignature((Column(INPUT, "BYTES"),)), (Kind("BYTES"),)
    width = len(names) or getattr(estimator, "n_features_in_", None)
    if width is None:
        return NamedSignature((TensorSpec(INPUT, "FP64", (-1, -1)),)), ()
    kinds = tuple(kinds_of(estimator, int(width)))
    said = {column.name: column for column in schema}
    if not names and not any(kind.is_text for kind in kinds):
        return MatrixSignature(INPUT, tuple(said) if len(said) == width else (), int(width)), kinds
    known = names or tuple(str(index) for index in range(int(width)))
    return TableSignature(tuple(map(_column, known, kinds, map(said.get, known)))), kinds


def _column(name: str, kind: Kind, said: Column | None) -> Column:
    categories = kind.categories if len(kind.categories) <= _MOST_CATEGORIES else ()
    if said is not None:
        return replace(said, categories=categories)
    return Column(
        name, kind.datatype, required=kind.is_used, categories=categories, content=kind.content
    )


def kinds_of(estimator: Any, width: int) -> list[Kind]:
    """Return what each of the columns holds that go into a fitted estimator."""
    read = _READERS.get(type(estimator).__name__)
    if read is not None:
        return read(estimator, width)
    if len(getattr(estimator, "categories_", ())) == width:
        return [_of_categories(values) for values in estimator.categories_]
    if categoricals := categoricals_of(estimator):
        return [
            replace(_of_categories(categoricals[index]), is_categorical=True)
            if index in categoricals
            else _NUMBER
            for index in range(width)
        ]
    if getattr(estimator, "_preprocessor", None) is not None:  # of histogram gradient boosting
        return kinds_of(estimator._preprocessor, width)
    if inside := _inside(estimator):
        return _joined([kinds_of(one, width) for one in inside[:_ASKED]], width)
    is_own = not type(estimator).__module__.startswith("sklearn.")
    return [_ANY if is_own and not hasattr(estimator, "predict") else _NUMBER] * width


def _of_pipeline(pipeline: Any, width: int) -> list[Kind]:
    """Ask the first step, and behind an imputer, which leaves the columns as they are, the next."""
    steps = [step for _, step in pipeline.steps if step is not None and step != "passthrough"]
    found = kinds_of(steps[0], width) if steps else [_NUMBER] * width
    for before, step in pairwise(steps):
        if len(getattr(before, "statistics_", ())) != width or before.add_indicator:
            break
        found = [
            replace(later, missing=first.missing) if later.is_text else first if first.is_text
            else later
            for first, later in zip(found, kinds_of(step, width), strict=True)
        ]  # fmt: skip
    return found


def _of_columns(transformer: Any, width: int) -> list[Kind]:
    indices = transformer._transformer_to_input_indices
    found: list[list[Kind]] = [[] for _ in range(width)]
    for name, one, _ in transformer.transformers_:
        taken = indices.get(name, [])
        if one == "drop" or not len(taken):
            continue
        own = [_ANY] * len(taken) if one == "passthrough" else kinds_of(one, len(taken))
        for index, kind in zip(taken, own, strict=True):
            found[index].append(kind)
    unused = replace(_ANY, is_used=False)
    return [_one_of(kinds) if kinds else unused for kinds in found]


def _joined(each: list[list[Kind]], width: int) -> list[Kind]:
    return [_one_of([kinds[index] for kinds in each]) for index in range(width)]


def _one_of(kinds: Sequence[Kind]) -> Kind:
    """Return the most that is said of a column that goes several ways."""
    return max(kinds, key=_said)


def _said(kind: Kind) -> tuple[bool, bool, int]:
    return kind.datatype != "FP64", not kind.content, len(kind.categories)


def _of_categories(values: Any) -> Kind:
    """Return what a column holds whose values an encoder knows."""
    array = np.asarray(values)
    known = [v for v in array.tolist() if v is not None and v == v]
    missing = None if any(v is None for v in array.tolist()) else float("nan")
    if array.dtype.kind in "fiub":
        datatype = {"f": "FP64", "b": "BOOL"}.get(array.dtype.kind, "INT64")
        return Kind(datatype, tuple(known))
    if all(isinstance(value, str) for value in known):
        return Kind("BYTES", tuple(known), missing=missing)
    if all(isinstance(value, bool | np.bool_) for value in known):
        return Kind("BOOL", tuple(known), missing=missing)
    return replace(_ANY, missing=missing)


def _of_imputer(imputer: Any, width: int) -> list[Kind]:
    if getattr(imputer, "_fit_dtype", np.dtype(float)).kind not in "OSU":
        return [_NUMBER] * width
    missing = None if imputer.missing_values is None else float("nan")
    return [Kind("BYTES", missing=missing)] * width


def _of_union(union: Any, width: int) -> list[Kind]:
    return _joined([kinds_of(one, width) for _, one in union.transformer_list], width)


def _of_any(_: Any, width: int) -> list[Kind]:
    return [_ANY] * width


def _of_text(_: Any, width: int) -> list[Kind]:
    return [Kind("BYTES")] * width


_READERS: dict[str, Callable[[Any, int], list[Kind]]] = {
    "Pipeline": _of_pipeline,
    "ColumnTransformer": _of_columns,
    "FeatureUnion": _of_union,
    "FunctionTransformer": _of_any,
    "SimpleImputer": _of_imputer,
    **dict.fromkeys(_TEXT_READERS, _of_text),
}


def is_fitted_on_names(estimator: Any) -> bool:
    """Whether an estimator was fitted on a DataFrame."""
    return bool(_names(estimator))


def _names(estimator: Any) -> tuple[str, ...]:
    """Return the names of the columns that it was fitted on; none where it was an array."""
    for one in (estimator, *_inside(estimator)):
        try:
            names = one.feature_names_in_
        except AttributeError:
            continue
        return tuple(str(name) for name in names)
    return ()


def _first(estimator: Any) -> Any:
    """Return what sees the input first."""
    while True:
        if type(estimator).__name__ == "Pipeline":
            estimator = estimator.steps[0][1]
        elif inside := _inside(estimator):
            estimator = inside[0]
        else:
            return estimator


def _inside(estimator: Any) -> list[Any]:
    """Return the fitted estimators that a wrapper passes its input to."""
    for name in _INSIDE:
        found = getattr(estimator, "__dict__", {}).get(name)
        if found is not None:
            members = list(_flat(found))
            if members and all(map(_is_estimator, members)):
                return members
    return []


def _flat(found: Any) -> Iterator[Any]:
    if isinstance(found, list | tuple | np.ndarray):
        for one in found:
            yield from _flat(one)
    else:
        yield found


def _is_estimator(one: Any) -> bool:
    return hasattr(one, "get_params") or type(one).__name__ == "_CalibratedClassifier"
