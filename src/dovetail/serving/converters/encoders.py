"""Fitted encoders of scikit-learn as dictionaries from values to rows of numbers."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from dovetail.serving.converters.model import name_of, refuse
from dovetail.serving.forms import Categories, Numbers
from dovetail.serving.tensors import Array

__all__ = ["ENCODERS", "convert_encoder"]

Fills = Sequence[Any]


def convert_encoder(encoder: Any, fills: Fills) -> tuple[Categories, ...]:
    """Return what the values of each column become.

    Args:
        encoder: a fitted encoder, one of `ENCODERS`.
        fills: what an imputer puts in place of missing values, by column; None for nothing.

    Raises:
        NotConvertibleError: its values are neither text nor numbers.
    """
    rows_of = ENCODERS[name_of(encoder)]
    found = []
    for index, known in enumerate(encoder.categories_):
        rows, knows_unknown = rows_of(encoder, index, len(known))
        found.append(_categories(encoder, known, rows, knows_unknown, fills[index]))
    return tuple(found)


def _categories(
    encoder: Any, known: Any, rows: Array, knows_unknown: bool, fill: Any
) -> Categories:
    """Return a dictionary from rows of the values, and one more for an unknown value."""
    values = np.asarray(known).tolist()
    missing = [i for i, value in enumerate(values) if value is None or value != value]
    if len(missing) > 1:
        raise refuse(encoder, "it knows two kinds of missing values")
    kept = [i for i in range(len(values)) if i not in missing]
    keys = tuple(_key(encoder, values[i]) for i in kept)
    gone = rows[missing[0]] if missing else rows[-1]
    has_missing = bool(missing)
    if fill is not None:
        has_missing = fill in keys or knows_unknown
        gone = rows[kept[keys.index(fill)]] if fill in keys else rows[-1]
    table = np.vstack([rows[kept], gone, rows[-1]])
    return Categories(keys, Numbers.of(table), missing=has_missing, unknown=knows_unknown)


def _key(encoder: Any, value: Any) -> str | bool | int | float:
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, str):
        return str(value)
    if isinstance(value, bool | int | float):
        return value
    raise refuse(encoder, f"{value!r} is neither text nor a number")


def _places(encoder: Any, index: int, count: int) -> Array:
    """Return the place of each category, the infrequent ones together at the last."""
    if getattr(encoder, "_infrequent_enabled", False):
        mapping = encoder._default_to_infrequent_mappings[index]
        if mapping is not None:
            return np.asarray(mapping)
    return np.arange(count)


def _one_hot(encoder: Any, index: int, count: int) -> tuple[Array, bool]:
    places = _places(encoder, index, count)
    width = int(places.max()) + 1
    rows = np.zeros((count + 1, width))
    rows[np.arange(count), places] = 1.0
    if encoder.handle_unknown in ("infrequent_if_exist", "warn") and width < count:
        rows[-1, -1] = 1.0
    dropped = getattr(encoder, "_drop_idx_after_grouping", None)
    if dropped is not None and dropped[index] is not None:
        rows = np.delete(rows, int(dropped[index]), axis=1)
    return rows, encoder.handle_unknown != "error"


def _ordinal(encoder: Any, index: int, count: int) -> tuple[Array, bool]:
    codes = np.append(_places(encoder, index, count).astype(np.float64), 0.0)
    missing = getattr(encoder, "_missing_indices", {}).get(index)
    if missing is not None:
        codes[missing] = encoder.encoded_missing_value
    knows_unknown = encoder.handle_unknown == "use_encoded_value"
    if knows_unknown:
        codes[-1] = encoder.unknown_value
    return codes.reshape(-1, 1), knows_unknown


def _target(encoder: Any, index: int, count: int) -> tuple[Array, bool]:
    if encoder.target_type_ not in ("binary", "continuous"):
        raise refuse(encoder, "it encodes several classes")
    means = np.append(np.asarray(encoder.encodings_[index], np.float64), encoder.target_mean_)
    return means.reshape(-1, 1), True


ENCODERS: dict[str, Callable[[Any, int, int], tuple[Array, bool]]] = {
    "OneHotEncoder": _one_hot,
    "OrdinalEncoder": _ordinal,
    "TargetEncoder": _target,
}
"""Class name to a function that gives the rows of a column's categories and of an unknown value."""
