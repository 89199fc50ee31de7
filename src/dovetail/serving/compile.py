"""The faster form of a model, used only where it agrees with the original.

At load both forms answer the same sample. If the compiled form agrees and is faster it serves,
and the original is let go; else the original serves, and says why. Nothing of this is silent: the
choice and the largest difference are in the model's metadata, its config and its page.
"""

import time
from collections.abc import Mapping

import msgspec
import numpy as np

from dovetail.base.errors import DovetailError
from dovetail.base.telemetry import logger
from dovetail.serving.errors import BadModelError, InferenceFailedError, NotConvertibleError
from dovetail.serving.predictor import Compilable, Predictor
from dovetail.serving.tensors import DATATYPES, Array, TensorSpec

__all__ = ["ABSOLUTE", "RELATIVE", "Compilation", "choose"]

ROWS = 256
RELATIVE, ABSOLUTE = 1e-6, 1e-9
_TIMED = 9
_LONG = 0.05

log = logger("serving")


class Compilation(msgspec.Struct, frozen=True, kw_only=True):
    """Which form of a model serves, and why."""

    original: str
    """Platform of the model as it was stored."""

    serves: str
    """Platform of the form that answers."""

    compiled: bool = False
    """Whether that is the compiled form."""

    largest_difference: float | None = None
    """Largest absolute difference of any output on the sample; None where nothing was compared."""

    rows: int = 0
    """Rows of the sample."""

    original_us: float | None = None
    """Microseconds of one row by the original."""

    compiled_us: float | None = None
    """Microseconds of one row by the compiled form."""

    why: str = ""
    """Why the original serves."""


def choose(predictor: Predictor, *, wanted: bool = True) -> tuple[Predictor, Compilation]:
    """Return the form of a model that should serve.

    Args:
        predictor: the original.
        wanted: the setting `compile`; False keeps the original.

    Returns:
        The predictor to use, and the record of the choice.
    """
    name = predictor.platform
    if not isinstance(predictor, Compilable):
        took = _probe_us(predictor)
        why = "it is served as stored"
        return predictor, Compilation(original=name, serves=name, original_us=took, why=why)
    if not wanted:
        return predictor, Compilation(original=name, serves=name, why="compiling is switched off")
    try:
        faster = predictor.compiled().open()
        sample = predictor.sample(ROWS)
        difference, agrees = _compare(predictor, faster, sample)
    except (NotConvertibleError, BadModelError, InferenceFailedError) as error:
        log.warning("model not compiled", why=str(error))
        return predictor, Compilation(original=name, serves=name, why=str(error))
    return _decide(predictor, faster, sample, difference, agrees)


def _decide(
    predictor: Predictor,
    faster: Predictor,
    sample: Mapping[str, Array],
    difference: float,
    agrees: bool,
) -> tuple[Predictor, Compilation]:
    original_us, compiled_us = _one_row_us(predictor, sample), _one_row_us(faster, sample)
    why = ""
    if not agrees:
        why = f"the compiled form differs by up to {difference:.3g}"
    elif compiled_us >= original_us:
        why = "the compiled form is not faster"
    if why:
        log.warning("original model serves", why=why)
    record = Compilation(
        original=predictor.platform,
        serves=predictor.platform if why else faster.platform,
        compiled=not why,
        largest_difference=difference,
        rows=len(next(iter(sample.values()))),
        original_us=round(original_us, 1),
        compiled_us=round(compiled_us, 1),
        why=why,
    )
    return (predictor if why else faster), record


def _compare(
    original: Predictor, faster: Predictor, sample: Mapping[str, Array]
) -> tuple[float, bool]:
    """Return the largest absolute difference, and whether all values agree."""
    expected, found = original.run(sample), faster.run(sample)
    largest, agrees = 0.0, expected.keys() == found.keys()
    for name in expected.keys() & found.keys():
        left, right = expected[name], found[name]
        if left.shape != right.shape:
            return float("inf"), False
        agrees &= bool(np.allclose(right, left, rtol=RELATIVE, atol=ABSOLUTE, equal_nan=True))
        if left.size:
            gap = np.abs(np.nan_to_num(left) - np.nan_to_num(right)).max()
            largest = max(largest, float(gap))
    return largest, agrees


def _probe_us(predictor: Predictor) -> float | None:
    """Return how long a row of zeros or empty text takes, which warms the model up; else None."""
    try:
        zeros = {spec.name: _zeros(spec) for spec in predictor.signature.inputs}
        return round(_one_row_us(predictor, predictor.signature.bind(zeros)), 1)
    except DovetailError:
        return None  # zeros do not suit it; the first real request tells


def _zeros(spec: TensorSpec) -> Array:
    shape = [max(size, 1) for size in spec.shape]
    if spec.datatype == "BYTES":
        return np.full(shape, b"", dtype=object)
    return np.zeros(shape, DATATYPES[spec.datatype])


def _one_row_us(predictor: Predictor, sample: Mapping[str, Array]) -> float:
    """Return the best of a few timings, which other load on the machine disturbs least."""
    row = {name: np.ascontiguousarray(array[:1]) for name, array in sample.items()}
    best = float("inf")
    for _ in range(_TIMED):
        start = time.perf_counter()
        predictor.run(row)
        took = time.perf_counter() - start
        best = min(best, took)
        if took > _LONG:
            break
    return best * 1e6
