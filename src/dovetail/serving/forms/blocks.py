"""Blocks: columns of a table or matrix, each group prepared in its own way, side by side.

A categorical column is looked up in a dictionary, value by value, and becomes a row of numbers:
its place for an ordinal encoding, a one among zeros for a one-hot encoding.
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import numpy as np

from dovetail.serving.errors import BadTensorError
from dovetail.serving.forms.numbers import Numbers
from dovetail.serving.forms.steps import Points, SimpleStep, back_through, opened
from dovetail.serving.tensors import Array

__all__ = ["Block", "Blocks", "Categories", "Encoded", "Plain", "Source"]

Source = str | int
"""The name of a table's column, or the index of a matrix's."""

Candidates = dict[Source, list[Any]]
"""Values worth trying by column."""

_STRANGE_TEXT, _STRANGE_NUMBER = "no such category", 987654.0


class Categories(msgspec.Struct, frozen=True):
    """What the values of one column become.

    Args:
        keys: the values that are known.
        rows: FP64 [keys + 2, width]: of each key, of a missing value, of an unknown one.
        missing: whether a missing value has a row; else it is an unknown one.
        unknown: whether an unknown value has a row; else it is refused.
    """

    keys: tuple[str | bool | int | float, ...]
    rows: Numbers
    missing: bool = False
    unknown: bool = False

    def open(self, name: Source) -> Callable[[Array], Array]:
        """Return the function from a column to [rows, width]."""
        get = {key: index for index, key in enumerate(self.keys)}.get
        rows, last = self.rows.array(), len(self.keys) + 1
        is_text = all(isinstance(key, str) for key in self.keys)
        is_loose = self.unknown and not self.missing and is_text

        def encode(column: Array) -> Array:
            values = column.tolist()
            codes = [get(value, last) for value in values]
            if not is_loose and last in codes:
                codes = [
                    self._resolved(name, value) if code == last else code
                    for code, value in zip(codes, values, strict=True)
                ]
            return rows[codes]

        return encode

    def _resolved(self, name: Source, value: Any) -> int:
        """Return the row of a value that is not among the keys."""
        if value in (float("inf"), float("-inf")):
            raise BadTensorError(f"column {name!r} has an infinite value")
        is_missing = _is_missing(value)
        if is_missing and self.missing:
            return len(self.keys)
        if self.unknown:
            return len(self.keys) + 1
        what = "a missing value" if is_missing else f"the category {value!r}"
        raise BadTensorError(
            f"column {name!r} has {what}, which the model does not know",
            fix=f"it knows: {', '.join(map(str, self.keys[:8]))}",
        )

    def candidates(self) -> list[Any]:
        """Return the values worth trying."""
        is_text = any(isinstance(key, str) for key in self.keys)
        found: list[Any] = list(self.keys)
        if self.missing:
            found.append(None if is_text else float("nan"))
        if self.unknown:
            found.append(_STRANGE_TEXT if is_text else _STRANGE_NUMBER)
        return found


class Plain(msgspec.Struct, frozen=True, tag="plain"):
    """Columns of numbers, and the steps that they take together.

    Args:
        sources: the columns.
        width: how many features come out.
        steps: in order.
    """

    sources: tuple[Source, ...]
    width: int
    steps: tuple[SimpleStep, ...] = ()

    def open(self) -> Callable[[Any], Array]:
        """Return the function from a table or matrix to the block's features."""
        take, steps = _taken(self.sources), opened(self.steps)
        return lambda table: steps(take(table))

    def back(self, points: Points) -> Candidates:
        """Return values of the columns that lead to such of the features."""
        before = back_through(self.steps, points)
        return {source: list(p) for source, p in zip(self.sources, before, strict=True)}


class Encoded(msgspec.Struct, frozen=True, tag="encoded"):
    """Columns of categories, and the steps that their numbers take together.

    Args:
        sources: the columns.
        categories: of each column.
        width: how many features come out.
        steps: in order.
    """

    sources: tuple[Source, ...]
    categories: tuple[Categories, ...]
    width: int
    steps: tuple[SimpleStep, ...] = ()

    def open(self) -> Callable[[Any], Array]:
        """Return the function from a table or matrix to the block's features."""
        pairs = zip(self.sources, self.categories, strict=True)
        encoders = [(_column(source), known.open(source)) for source, known in pairs]
        steps = opened(self.steps)
        if len(encoders) == 1:
            ((only, encode),) = encoders
            return lambda table: steps(encode(only(table)))
        return lambda table: steps(np.hstack([encode(take(table)) for take, encode in encoders]))

    def back(self, points: Points) -> Candidates:
        """Return the categories; what they lead to is known without looking."""
        del points
        pairs = zip(self.sources, self.categories, strict=True)
        return {source: known.candidates() for source, known in pairs}


Block = Plain | Encoded


class Blocks(msgspec.Struct, frozen=True, tag="blocks"):
    """Blocks side by side.

    Args:
        blocks: in order.
        inputs: how many columns a matrix has that goes in; 0 for a table.
    """

    blocks: tuple[Block, ...]
    inputs: int = 0

    def open(self) -> Callable[[Any], Array]:
        """Return the function from a table or matrix to all features."""
        parts = [block.open() for block in self.blocks]
        if len(parts) == 1:
            return parts[0]
        return lambda table: np.concatenate([part(table) for part in parts], axis=1)

    @property
    def sources(self) -> frozenset[Source]:
        """The columns that are looked at."""
        return frozenset(source for block in self.blocks for source in block.sources)

    @property
    def numbers(self) -> frozenset[str]:
        """The names of the columns that are taken as numbers."""
        return frozenset(
            source
            for block in self.blocks
            if isinstance(block, Plain)
            for source in block.sources
            if isinstance(source, str)
        )

    def candidates(self, points: Points) -> Candidates:
        """Return values worth trying by column, from such by feature."""
        found: Candidates = {}
        start = 0
        for block in self.blocks:
            end = start + block.width
            for source, values in block.back(points[start:end]).items():
                known = found.get(source)
                found[source] = list(values) if known is None else _common(known, list(values))
            start = end
        return found

    def back(self, points: Points) -> Points:
        """Return values worth trying by column of a matrix."""
        found = self.candidates(points)
        return [np.array(found.get(index, [0.0]), np.float64) for index in range(self.inputs)]


def _common(some: list[Any], others: list[Any]) -> list[Any]:
    """Return what two blocks want of one column; a missing value only where both take it."""
    if any(map(_is_missing, some)) and any(map(_is_missing, others)):
        return some + others
    return [value for value in some + others if not _is_missing(value)]


def _is_missing(value: Any) -> bool:
    return value is None or bool(value != value)


def _column(source: Source) -> Callable[[Any], Array]:
    if isinstance(source, str):
        return lambda table: table[source]
    return lambda matrix: matrix[:, source]


def _taken(sources: tuple[Source, ...]) -> Callable[[Any], Array]:
    """Return the function that takes columns of numbers as a matrix."""
    if any(isinstance(source, str) for source in sources):

        def joined(table: Mapping[Source, Array]) -> Array:
            columns = [table[source] for source in sources]
            try:
                return np.array(columns, np.float64).T
            except (TypeError, ValueError) as error:  # a column may be of any type
                raise BadTensorError(
                    "the request has text where the model takes numbers", why=str(error)
                ) from error

        return joined
    indices = np.array(sources, np.intp)
    if np.array_equal(np.diff(indices), np.ones(len(indices) - 1)):
        first, last = int(indices[0]), int(indices[-1]) + 1
        return lambda matrix: matrix[:, first:last]
    return lambda matrix: matrix[:, indices]
