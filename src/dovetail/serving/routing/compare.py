"""How far the answers of two versions differ, output by output."""

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec
import numpy as np

from dovetail.serving.tensors import Array

__all__ = ["Difference", "OutputDifference", "compare"]


class OutputDifference(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one output.

    Attributes:
        compared: elements of both answers.
        agreed: of those, how many are equal, or differ by no more than the tolerance.
        agreement: their share.
        largest_difference: of numbers; None where there are none.
        mean_difference: of numbers, in absolute value.
        mismatched: answers in which one side lacks the output, or has another shape.
    """

    compared: int
    agreed: int
    agreement: float | None
    largest_difference: float | None
    mean_difference: float | None
    mismatched: int


@dataclass(slots=True)
class Difference:
    """One output's differences, added up."""

    compared: int = 0
    agreed: int = 0
    numbers: int = 0
    largest: float = 0.0
    total: float = 0.0
    mismatched: int = 0

    def describe(self) -> OutputDifference:
        """Return what people read."""
        return OutputDifference(
            compared=self.compared,
            agreed=self.agreed,
            agreement=self.agreed / self.compared if self.compared else None,
            largest_difference=self.largest if self.numbers else None,
            mean_difference=self.total / self.numbers if self.numbers else None,
            mismatched=self.mismatched,
        )


def compare(
    live: Mapping[str, Array],
    shadow: Mapping[str, Array],
    tolerance: float,
    into: dict[str, Difference],
) -> bool:
    """Compare two answers, add the differences up, and return whether they agree.

    Args:
        live: the outputs that the caller got.
        shadow: the outputs of the other version.
        tolerance: numbers that differ by no more agree.
        into: where differences are added up, by output.
    """
    agrees = True
    for name in {**live, **shadow}:
        known = into.setdefault(name, Difference())
        one, other = live.get(name), shadow.get(name)
        if one is None or other is None or one.shape != other.shape:
            known.mismatched += 1
            agrees = False
        else:
            agrees = _elements(one, other, tolerance, known) and agrees
    return agrees


def _elements(one: Array, other: Array, tolerance: float, known: Difference) -> bool:
    if one.dtype.kind in "fiu" and other.dtype.kind in "fiu":
        with np.errstate(invalid="ignore", over="ignore"):
            apart = np.abs(one.astype(np.float64) - other.astype(np.float64))
        same = (one == other) | (np.isnan(apart) & _both_nan(one, other))
        equal = same | (apart <= tolerance)
        finite = apart[np.isfinite(apart)]
        if finite.size:
            known.numbers += int(finite.size)
            known.total += float(finite.sum())
            known.largest = max(known.largest, float(finite.max()))
    else:
        equal = np.asarray(one == other)
        if equal.shape != one.shape:  # numpy cannot compare the two types: none is equal
            equal = np.zeros(one.shape, dtype=bool)
    agreed = int(np.count_nonzero(equal))
    known.compared += int(one.size)
    known.agreed += agreed
    return agreed == one.size


def _both_nan(one: Array, other: Array) -> Array:
    return np.isnan(one.astype(np.float64)) & np.isnan(other.astype(np.float64))
