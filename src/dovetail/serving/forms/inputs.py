"""Inputs: from what a signature has bound to a matrix of features."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import numpy as np

from dovetail.serving.forms.blocks import Blocks
from dovetail.serving.forms.steps import Points
from dovetail.serving.signature import MatrixSignature
from dovetail.serving.table import Column, TableSignature
from dovetail.serving.tensors import DATATYPES, Array

__all__ = ["Input", "MatrixInput", "TableInput"]

Bound = Mapping[str, Array]


class MatrixInput(msgspec.Struct, frozen=True, tag="matrix"):
    """The model takes one matrix."""

    signature: MatrixSignature

    def open(self) -> Callable[[Bound], Array]:
        """Return the function from bound inputs to a matrix."""
        name = self.signature.name
        return lambda inputs: inputs[name]

    def draw(self, points: Points, rows: int, random: np.random.Generator) -> dict[str, Array]:
        """Return random inputs made of values worth trying, one array of them per feature."""
        matrix = np.empty((rows, self.signature.width), DATATYPES[self.signature.datatype])
        for feature, candidates in enumerate(points):
            matrix[:, feature] = random.choice(candidates, rows) if len(candidates) else 0.0
        return {self.signature.name: matrix}


class TableInput(msgspec.Struct, frozen=True, tag="table"):
    """The model takes named columns of mixed types.

    Args:
        signature: the columns.
        blocks: how they become a matrix.
    """

    signature: TableSignature
    blocks: Blocks

    def open(self) -> Callable[[Bound], Array]:
        """Return the function from bound inputs to a matrix."""
        return self.blocks.open()

    def draw(self, points: Points, rows: int, random: np.random.Generator) -> dict[str, Array]:
        """Return random inputs made of values worth trying, one array of them per feature."""
        found = self.blocks.candidates(points)
        return {
            column.name: _drawn(column, found.get(column.name, []), rows, random)
            for column in self.signature.columns
        }


Input = MatrixInput | TableInput


def _drawn(column: Column, candidates: list[Any], rows: int, random: np.random.Generator) -> Array:
    """Return a column of random candidates, in its own type."""
    dtype = DATATYPES[column.datatype]
    if column.is_text:
        texts = candidates or [""]
        drawn = np.empty(rows, dtype=object)
        drawn[:] = [texts[index] for index in random.integers(0, len(texts), rows)]
        return drawn
    numbers = np.array(candidates or [0.0], np.float64)
    if dtype.kind == "f":
        with np.errstate(over="ignore"):
            return random.choice(numbers, rows).astype(dtype)
    limits = (0.0, 1.0) if dtype.kind == "b" else (-(2.0**31), 2.0**31)
    finite = numbers[np.isfinite(numbers)]
    whole = np.clip(np.rint(np.concatenate([finite, [0.0]])), *limits)
    if dtype.kind == "u":
        whole = np.abs(whole)
    if dtype.kind in "iu" and dtype.itemsize < 4:
        whole = np.clip(whole, np.iinfo(dtype).min, np.iinfo(dtype).max)
    return random.choice(whole, rows).astype(dtype)
