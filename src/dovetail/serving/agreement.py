"""Whether two forms of a model agree: the same labels, numbers within a tolerance, like refusals.

Numbers of a model in double precision differ only by the order of additions; numbers in single
precision by a few of its last digits too. Labels must be the same on every row. A row that the
original refuses, because a value is missing or infinite or a category unknown, must be refused.
"""

from collections.abc import Iterator, Mapping

import msgspec
import numpy as np

from dovetail.base.errors import DovetailError
from dovetail.serving.errors import BadTensorError, InferenceFailedError
from dovetail.serving.predictor import Predictor
from dovetail.serving.tensors import Array

__all__ = ["Agreement", "compare"]

_TOLERANCE = {"FP64": (1e-6, 1e-9), "FP32": (2e-6, 1e-6)}
"""Relative and absolute, by the datatype of the original's output."""
_LOGARITHMS = frozenset(("predict_log_proba",))
_FEWEST = 16
_TRIED = 8
"""So many values are made missing and infinite, one at a time."""


class Agreement(msgspec.Struct, frozen=True, kw_only=True):
    """How far two forms agree on a sample."""

    rows: int
    """Rows of the sample."""

    largest_difference: float = 0.0
    """Largest absolute difference of any number."""

    labels_differing: int = 0
    """Rows with another label."""

    why: str = ""
    """Why they do not agree; empty where they do."""

    @property
    def is_full(self) -> bool:
        """Whether they agree."""
        return not self.why


def compare(original: Predictor, faster: Predictor, sample: Mapping[str, Array]) -> Agreement:
    """Compare two forms on a sample and on rows that a model may refuse.

    Args:
        original: the model as it was stored.
        faster: its compiled form.
        sample: bound inputs that the original takes.

    Raises:
        InferenceFailedError: the original fails on its own sample.
    """
    sample, why = _answered(original, faster, sample)
    if why:
        return Agreement(rows=len(next(iter(sample.values()))), why=f"on a row of the sample {why}")
    found = _values(original, faster, sample)
    if found.is_full:
        for edge, inputs in _edges(sample):
            why = _outcome(original, faster, inputs)
            if why:
                return msgspec.structs.replace(found, why=f"on {edge} {why}")
    return found


def _answered(
    original: Predictor, faster: Predictor, sample: Mapping[str, Array]
) -> tuple[Mapping[str, Array], str]:
    """Return the rows of a sample that the original answers, and how the two differ on others."""
    try:
        original.run(sample)
    except BadTensorError:
        rows = range(len(next(iter(sample.values()))))
        kept, why = [], ""
        for row in rows:
            one = {name: array[row : row + 1] for name, array in sample.items()}
            refused = _refuses(original, one)
            if not refused:
                kept.append(row)
            elif not why:
                why = _outcome(original, faster, one)
        if len(kept) < _FEWEST:
            why = why or "the original refuses nearly all of the sample"
        return {name: array[kept] for name, array in sample.items()}, why
    return sample, ""


def _refuses(predictor: Predictor, inputs: Mapping[str, Array]) -> bool:
    try:
        predictor.run(inputs)
    except BadTensorError:
        return True
    return False


def _values(original: Predictor, faster: Predictor, sample: Mapping[str, Array]) -> Agreement:
    wanted = tuple(spec.name for spec in original.outputs)
    expected, found = original.run(sample, wanted), faster.run(sample, wanted)
    rows = len(next(iter(sample.values())))
    if expected.keys() != found.keys():
        missing = ", ".join(sorted(expected.keys() ^ found.keys()))
        return Agreement(rows=rows, why=f"the compiled form and the original differ in {missing}")
    largest, agrees, differing = 0.0, True, np.zeros(rows, bool)
    for spec in original.outputs:
        left, right = expected[spec.name], found[spec.name]
        if spec.name in _LOGARITHMS:  # their digits near 0 tell nothing that probabilities do not
            left, right = np.exp(left), np.exp(right)
        if left.shape != right.shape or _kind(left) != _kind(right):
            why = f"its {spec.name} is {_kind(right)} {right.shape}, not {_kind(left)} {left.shape}"
            return Agreement(rows=rows, why=f"the compiled form does not fit: {why}")
        if left.dtype.kind != "f":
            differing |= (left != right).reshape(rows, -1).any(axis=1)
            continue
        relative, absolute = _TOLERANCE["FP64" if left.dtype == np.float64 else "FP32"]
        agrees &= bool(np.allclose(right, left, rtol=relative, atol=absolute, equal_nan=True))
        with np.errstate(invalid="ignore"):
            gap = np.abs(np.nan_to_num(left) - np.nan_to_num(right))
        largest = max(largest, float(gap.max(initial=0.0)))
    why = "" if agrees else f"the compiled form differs by up to {largest:.3g}"
    labels = int(differing.sum())
    if labels:
        why = f"the compiled form gives {labels} of {rows} rows another label"
    return Agreement(rows=rows, largest_difference=largest, labels_differing=labels, why=why)


def _kind(array: Array) -> str:
    return "text" if array.dtype.kind in "OSU" else array.dtype.name


def _edges(sample: Mapping[str, Array]) -> Iterator[tuple[str, dict[str, Array]]]:
    """Yield single rows with a missing, an infinite or an unknown value in each column."""
    row = {name: array[:1] for name, array in sample.items()}
    each = max(_TRIED // len(row), 1)
    for name, array in row.items():
        if array.dtype.kind == "f":
            for feature in range(0, array[0].size, max(array[0].size // each, 1)):
                for value in (np.nan, np.inf):
                    changed = array.copy()
                    changed.reshape(-1)[feature] = value
                    yield f"a value {value} in {name!r}", {**row, name: changed}
        elif array.dtype.kind == "O":
            for text in (None, "", "no such category"):
                changed = array.copy()
                changed[...] = text
                yield f"a value {text!r} in {name!r}", {**row, name: changed}


def _outcome(original: Predictor, faster: Predictor, inputs: Mapping[str, Array]) -> str:
    """Return how two forms differ on inputs that the original may refuse."""
    try:
        expected = original.run(inputs)
    except InferenceFailedError:  # it breaks down, as scikit-learn does on a lone missing text
        return ""
    except DovetailError:
        expected = None
    try:
        found = faster.run(inputs)
    except DovetailError:
        found = None
    if expected is None or found is None:
        if expected is found:
            return ""
        return f"the compiled form {'answers' if expected is None else 'refuses'} alone"
    for name, left in expected.items():
        right = found[name]
        alike = left.dtype.kind != "f" and bool((left == right).all())
        if not alike and not (
            left.dtype.kind == "f" and np.allclose(right, left, rtol=1e-5, equal_nan=True)
        ):
            return "the compiled form differs"
    return ""
