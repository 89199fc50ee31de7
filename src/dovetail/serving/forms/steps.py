"""Steps from a matrix to a matrix, as preprocessing does them, in its order of operations.

Trees turn at exact thresholds, so a step rounds as the original rounds: it is the same sequence
of the same operations in the same precision. `back` goes the other way: given values that matter
behind the step, it returns values that matter before it, from which samples are drawn.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, Literal, Protocol

import msgspec
import numpy as np

from dovetail.serving.errors import BadTensorError
from dovetail.serving.forms.numbers import Numbers
from dovetail.serving.tensors import Array

__all__ = [
    "Absent",
    "Arithmetic",
    "Clip",
    "Fill",
    "Finite",
    "MatrixStep",
    "Pick",
    "Points",
    "Product",
    "SimpleStep",
    "Single",
    "Step",
    "Whole",
    "back_through",
    "check_finite",
    "opened",
    "with_missing",
]

Points = list[Array]
"""Values worth trying, one array per feature."""

MatrixStep = Callable[[Array], Array]

_INVERSE = {
    "add": np.subtract,
    "subtract": np.add,
    "multiply": np.divide,
    "divide": np.multiply,
}


class Step(Protocol):
    """A value that opens into a function from a matrix to a matrix."""

    def open(self) -> MatrixStep:
        """Return the function."""

    def back(self, points: Points) -> Points:
        """Return values before the step that lead to such behind it."""


class Arithmetic(msgspec.Struct, frozen=True, tag="arithmetic"):
    """One operation with a number per feature."""

    operation: Literal["add", "subtract", "multiply", "divide"]
    values: Numbers

    def open(self) -> MatrixStep:
        """Return the function."""
        ufunc: Any = getattr(np, self.operation)
        values = self.values.array()
        return lambda matrix: ufunc(matrix, values)

    def back(self, points: Points) -> Points:
        """Return values before the step that lead to such behind it."""
        inverse: Any = _INVERSE[self.operation]
        with np.errstate(all="ignore"):
            return [inverse(p, v) for p, v in zip(points, self.values.array(), strict=True)]


class Clip(msgspec.Struct, frozen=True, tag="clip"):
    """Values are kept within limits."""

    low: float
    high: float

    def open(self) -> MatrixStep:
        """Return the function."""
        return lambda matrix: np.clip(matrix, self.low, self.high)

    def back(self, points: Points) -> Points:
        """Return values inside, at and outside the limits."""
        ends = np.array([self.low, self.high, self.low - 1.0, self.high + 1.0])
        return [np.concatenate([p, ends]) for p in points]


class Fill(msgspec.Struct, frozen=True, tag="fill"):
    """Missing values become a number per feature.

    Args:
        values: what they become.
        missing: which value is missing; NaN by default.
    """

    values: Numbers
    missing: float | None = None

    def open(self) -> MatrixStep:
        """Return the function."""
        values, missing = self.values.array(), self.missing

        def fill(matrix: Array) -> Array:
            mask = np.isnan(matrix) if missing is None else matrix == missing
            return np.where(mask, values, matrix)

        return fill

    def back(self, points: Points) -> Points:
        """Return the same values, and the one that is missing, often enough to be drawn."""
        return with_missing(points, np.nan if self.missing is None else self.missing)


class Finite(msgspec.Struct, frozen=True, tag="finite"):
    """Refuses infinities and, where the model does, missing values."""

    missing: bool = False
    """Whether NaN passes."""

    def open(self) -> MatrixStep:
        """Return the function."""

        def check(matrix: Array) -> Array:
            # A sum over all is one pass; only where it is not finite must one look closer.
            if not math.isfinite(np.add.reduce(matrix, axis=None)):
                check_finite(matrix, missing=self.missing)
            return matrix

        return check

    def back(self, points: Points) -> Points:
        """Return those that pass."""
        return [p[~np.isinf(p)] if self.missing else p[np.isfinite(p)] for p in points]


class Single(msgspec.Struct, frozen=True, tag="single"):
    """Values are rounded to single precision, as scikit-learn's trees do first."""

    def open(self) -> MatrixStep:
        """Return the function."""

        def rounded(matrix: Array) -> Array:
            with np.errstate(over="ignore"):  # an overflow is an infinity, which is refused next
                return matrix.astype(np.float32).astype(np.float64)

        return rounded

    def back(self, points: Points) -> Points:
        """Return the values that single precision holds, and their neighbours in it."""
        beside = [np.concatenate([p, *_beside(p, np.float32)]) for p in points]
        with np.errstate(over="ignore"):
            return [p[~np.isinf(p.astype(np.float32))] for p in beside]


class Whole(msgspec.Struct, frozen=True, tag="whole"):
    """Categories given as numbers are cut to whole ones."""

    columns: tuple[int, ...]
    towards: Literal["trunc", "floor"] = "trunc"

    def open(self) -> MatrixStep:
        """Return the function."""
        cut: Any = getattr(np, self.towards)
        columns = list(self.columns)

        def whole(matrix: Array) -> Array:
            matrix = matrix.copy()
            matrix[:, columns] = cut(matrix[:, columns])
            return matrix

        return whole

    def back(self, points: Points) -> Points:
        """Return also numbers between the categories and beyond them."""
        found = list(points)
        for column in self.columns:
            known = points[column]
            far = np.array([-1.0, -0.5, 1000.0 + (np.nanmax(known) if len(known) else 0.0)])
            found[column] = np.concatenate([known, known + 1, known + 0.5, far])
        return found


class Absent(msgspec.Struct, frozen=True, tag="absent"):
    """One where a value is missing, else zero, of some of the features."""

    columns: tuple[int, ...]
    width: int
    missing: float | None = None

    def open(self) -> MatrixStep:
        """Return the function."""
        columns, missing = list(self.columns), self.missing

        def absent(matrix: Array) -> Array:
            taken = matrix[:, columns]
            mask = np.isnan(taken) if missing is None else taken == missing
            return mask.astype(np.float64)

        return absent

    def back(self, points: Points) -> Points:
        """Return zero, and what is missing."""
        del points
        missing = np.nan if self.missing is None else self.missing
        return [
            np.array([0.0, missing] if column in self.columns else [0.0])
            for column in range(self.width)
        ]


class Pick(msgspec.Struct, frozen=True, tag="pick"):
    """Some of the features, in an order."""

    columns: tuple[int, ...]
    width: int

    def open(self) -> MatrixStep:
        """Return the function."""
        columns = np.array(self.columns, np.intp)
        return lambda matrix: matrix[:, columns]

    def back(self, points: Points) -> Points:
        """Return the values by feature; none for a feature that is not picked."""
        found: list[list[Array]] = [[] for _ in range(self.width)]
        for column, values in zip(self.columns, points, strict=True):
            found[column].append(values)
        return [np.concatenate(parts) if parts else np.zeros(1) for parts in found]


class Product(msgspec.Struct, frozen=True, tag="product"):
    """A product with a matrix, less an offset: a projection."""

    weights: Numbers
    offset: Numbers

    def open(self) -> MatrixStep:
        """Return the function."""
        weights, offset = self.weights.array(), self.offset.array()
        return lambda matrix: matrix @ weights - offset

    def back(self, points: Points) -> Points:
        """Return normal values; what matters behind a projection is on no single feature."""
        normal = np.random.default_rng(0).normal(size=64)
        return [normal for _ in range(self.weights.shape[0])]


SimpleStep = Absent | Arithmetic | Clip | Fill | Finite | Pick | Product | Single | Whole
"""Every kind of step but blocks."""


def opened(steps: Sequence[SimpleStep]) -> MatrixStep:
    """Return the function of several steps."""
    functions = [step.open() for step in steps]
    if not functions:
        return lambda matrix: matrix
    if len(functions) == 1:
        return functions[0]

    def run(matrix: Array) -> Array:
        for function in functions:
            matrix = function(matrix)
        return matrix

    return run


def back_through(steps: Sequence[Step], points: Points) -> Points:
    """Return values before several steps that lead to such behind them."""
    for step in reversed(steps):
        points = step.back(points)
    return points


def with_missing(points: Points, missing: float = np.nan) -> Points:
    """Return the points and what stands for a missing value, often enough to be drawn."""
    return [np.concatenate([p, np.full(len(p) // 8 + 1, missing)]) for p in points]


def check_finite(matrix: Array, *, missing: bool) -> None:
    """Refuse a matrix with infinities, or with missing values where these may not be.

    Raises:
        BadTensorError: it has such.
    """
    if np.isinf(matrix).any():
        raise BadTensorError(
            "the request has an infinite value", why="the model takes finite numbers"
        )
    if not missing and np.isnan(matrix).any():
        raise BadTensorError(
            "the request has a missing value (NaN)",
            why="the model was not made for missing values",
            fix="fill it, or train the model with an imputer",
        )


def _beside(values: Array, dtype: Any) -> list[Array]:
    with np.errstate(over="ignore"):
        single = values.astype(dtype)
        below, above = np.nextafter(single, dtype(-np.inf)), np.nextafter(single, dtype(np.inf))
    return [single.astype(np.float64), below.astype(np.float64), above.astype(np.float64)]
