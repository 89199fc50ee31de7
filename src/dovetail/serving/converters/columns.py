"""Transformers that treat columns apart, as blocks: by column, by union, by encoder."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from dovetail.serving.converters.encoders import ENCODERS, convert_encoder
from dovetail.serving.converters.model import AnyStep, name_of, refuse
from dovetail.serving.converters.preprocessing import convert_transformer
from dovetail.serving.forms import Absent, Blocks, Encoded, Plain, SimpleStep
from dovetail.serving.forms.blocks import Block, Source

__all__ = ["convert_chain", "convert_first", "flat"]


def flat(estimator: Any) -> list[Any]:
    """Return the parts of a pipeline, and of pipelines in it, in order."""
    if name_of(estimator) != "Pipeline":
        return [estimator]
    return [part for _, step in estimator.steps for part in flat(step)]


def convert_first(parts: Sequence[Any], names: Sequence[str]) -> tuple[Blocks, list[Any]]:
    """Return how a table becomes a matrix, and the parts that are left.

    Args:
        parts: of a pipeline, without the last.
        names: the columns that it was fitted on, in order.
    """
    if parts and name_of(parts[0]) in _SPLITTERS:
        return _SPLITTERS[name_of(parts[0])](parts[0], names, 0), list(parts[1:])
    taken = _encoding(parts)
    block = _branch(parts[:taken], tuple(names))
    return Blocks((block,)), list(parts[taken:])


def convert_chain(parts: Sequence[Any], width: int) -> list[AnyStep]:
    """Return the steps of transformers from a matrix to a matrix.

    Args:
        parts: in order.
        width: how many features go in.

    Raises:
        NotConvertibleError: one of them has no steps here.
    """
    steps: list[AnyStep] = []
    parts = list(parts)
    while parts:
        part = parts[0]
        taken = _encoding(parts)
        if taken:
            found: list[AnyStep] = [Blocks((_branch(parts[:taken], range(width)),), width)]
        elif name_of(part) in _SPLITTERS:
            found, taken = [_SPLITTERS[name_of(part)](part, range(width), width)], 1
        elif getattr(part, "indicator_", None) is not None:
            found, taken = [_with_indicator(part, width)], 1
        else:
            found, taken = list(convert_transformer(part)), 1
        width = width_after(found, width)
        steps += found
        parts = parts[taken:]
    return steps


def width_after(steps: Sequence[AnyStep], width: int) -> int:
    """Return how many features come out of steps."""
    for step in steps:
        kind = type(step).__name__
        if kind in ("Pick", "Absent"):
            width = len(step.columns)  # type: ignore[union-attr]
        elif kind == "Product":
            width = step.weights.shape[1]  # type: ignore[union-attr]
        elif isinstance(step, Blocks):
            width = sum(block.width for block in step.blocks)
    return width


def _encoding(parts: Sequence[Any]) -> int:
    """Return how many parts at the beginning make an encoding: imputers, then an encoder."""
    for index, part in enumerate(parts):
        if name_of(part) in ENCODERS:
            return index + 1
        if name_of(part) != "SimpleImputer":
            break
    return 0


def _branch(parts: Sequence[Any], sources: Sequence[Source]) -> Block:
    """Return the block of transformers over some columns."""
    sources = tuple(sources)
    taken = _encoding(parts)
    if taken:
        fills = _fills(parts[: taken - 1], len(sources))
        categories = convert_encoder(parts[taken - 1], fills)
        width = sum(known.rows.shape[1] for known in categories)
        steps = _simple(parts[taken:], width)
        return Encoded(sources, categories, width_after(steps, width), steps)
    steps = _simple(parts, len(sources))
    return Plain(sources, width_after(steps, len(sources)), steps)


def _simple(parts: Sequence[Any], width: int) -> tuple[SimpleStep, ...]:
    steps = convert_chain(parts, width)
    if any(isinstance(step, Blocks) for step in steps):
        raise refuse(parts[0], "columns are split again within a branch")
    return tuple(step for step in steps if not isinstance(step, Blocks))


def _fills(imputers: Sequence[Any], columns: int) -> list[Any]:
    """Return what imputers before an encoder put in place of missing values."""
    fills: list[Any] = [None] * columns
    for imputer in imputers:
        marker = imputer.missing_values
        is_usual = marker is None or (isinstance(marker, float) and np.isnan(marker))
        values = np.asarray(imputer.statistics_, dtype=object).tolist()
        if not is_usual or imputer.indicator_ is not None or len(values) != columns:
            raise refuse(imputer, "what it takes for missing is not NaN or None")
        if any(value is None or value != value for value in values):
            raise refuse(imputer, "a column was all missing")
        fills = [value if fill is None else fill for fill, value in zip(fills, values, strict=True)]
    return fills


def _column_transformer(transformer: Any, names: Sequence[Source], width: int) -> Blocks:
    indices = transformer._transformer_to_input_indices
    blocks = []
    for name, part, _ in transformer.transformers_:
        taken = indices.get(name, ())
        if (isinstance(part, str) and part == "drop") or not len(taken):
            continue
        weight = (transformer.transformer_weights or {}).get(name, 1.0)
        if weight != 1.0:
            raise refuse(transformer, "it has weights")
        blocks.append(_branch(flat(part), [names[int(index)] for index in taken]))
    if not blocks:
        raise refuse(transformer, "it gives no columns")
    return Blocks(tuple(blocks), width)


def _union(union: Any, names: Sequence[Source], width: int) -> Blocks:
    if union.transformer_weights:
        raise refuse(union, "it has weights")
    parts = [part for _, part in union.transformer_list if part != "drop"]
    return Blocks(tuple(_branch(flat(part), names) for part in parts), width)


def _with_indicator(imputer: Any, width: int) -> Blocks:
    """Return an imputer that also says what was missing."""
    columns = tuple(range(width))
    features = tuple(int(index) for index in imputer.indicator_.features_)
    marker = float(imputer.missing_values)
    steps = tuple(convert_transformer(imputer, with_indicator=True))
    absent = Absent(features, width, None if np.isnan(marker) else marker)
    return Blocks(
        (
            Plain(columns, width_after(steps, width), steps),
            Plain(columns, len(features), (absent,)),
        ),
        width,
    )


_SPLITTERS = {"ColumnTransformer": _column_transformer, "FeatureUnion": _union}
