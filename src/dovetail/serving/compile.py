"""The faster form of a model, used only where it agrees with the original.

At load both forms answer the same sample. If the compiled form agrees and is faster it serves,
and the original is let go; else the original serves, and says why. Nothing of this is silent: the
choice and the largest difference are in the model's metadata, its config and its page.
"""

import msgspec
import numpy as np

from dovetail.base.errors import DovetailError
from dovetail.base.telemetry import logger
from dovetail.serving.agreement import Agreement, compare
from dovetail.serving.errors import (
    BadModelError,
    BadTensorError,
    InferenceFailedError,
    NotConvertibleError,
)
from dovetail.serving.predictor import Compilable, Predictor
from dovetail.serving.tensors import DATATYPES, Array, TensorSpec
from dovetail.serving.timing import Timing, measure, row_us

__all__ = ["Compilation", "choose"]

ROWS = 256

_NO_FORM = (NotConvertibleError, BadModelError, BadTensorError, InferenceFailedError)

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
    """Largest absolute difference of any number on the sample; None where nothing was compared."""

    labels_differing: int = 0
    """Rows of the sample that got another label."""

    rows: int = 0
    """Rows of the sample."""

    original_us: float | None = None
    """Microseconds of one row by the original."""

    compiled_us: float | None = None
    """Microseconds of one row by the compiled form."""

    timings: tuple[Timing, ...] = ()
    """Both forms on 1, 32 and 1024 rows."""

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
        faster, agreement, timings = _tried(predictor)
    except _NO_FORM as error:
        log.warning("model not compiled", why=str(error))
        return predictor, Compilation(original=name, serves=name, why=str(error))
    return _decide(predictor, faster, agreement, timings)


def _tried(predictor: Compilable) -> tuple[Predictor, Agreement, tuple[Timing, ...]]:
    """Return the faster form of a model, how far it agrees, and how long both take.

    Raises:
        NotConvertibleError: it has none, or is of a version that the converters do not know.
    """
    try:
        faster = predictor.compiled().open()
        sample = predictor.sample(ROWS)
        with np.errstate(all="ignore"):  # the sample goes to extremes
            agreement = compare(predictor, faster, sample)
            timings = measure(predictor, faster, sample) if agreement.is_full else ()
    except DovetailError:
        raise
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        # Converters read what libraries fitted, which may be newer or older than they know.
        raise NotConvertibleError(
            "the model could not be converted", why=f"{type(error).__name__}: {error}"
        ) from error
    return faster, agreement, timings


def _decide(
    predictor: Predictor, faster: Predictor, agreement: Agreement, timings: tuple[Timing, ...]
) -> tuple[Predictor, Compilation]:
    why = agreement.why
    if not why and timings[0].compiled_us >= timings[0].original_us:
        why = "the compiled form is not faster"
    if why:
        log.warning("original model serves", why=why)
    record = Compilation(
        original=predictor.platform,
        serves=predictor.platform if why else faster.platform,
        compiled=not why,
        largest_difference=agreement.largest_difference,
        labels_differing=agreement.labels_differing,
        rows=agreement.rows,
        original_us=timings[0].original_us if timings else None,
        compiled_us=timings[0].compiled_us if timings else None,
        timings=timings,
        why=why,
    )
    return (predictor if why else faster), record


def _probe_us(predictor: Predictor) -> float | None:
    """Return how long a row of zeros or empty text takes, which warms the model up; else None."""
    try:
        zeros = {spec.name: _zeros(spec) for spec in predictor.signature.inputs}
        return round(row_us(predictor, predictor.signature.bind(zeros)), 1)
    except Exception:
        return None  # zeros do not suit it; the first real request tells


def _zeros(spec: TensorSpec) -> Array:
    shape = [max(size, 1) for size in spec.shape]
    if spec.datatype == "BYTES":
        return np.full(shape, b"", dtype=object)
    return np.zeros(shape, DATATYPES[spec.datatype])
