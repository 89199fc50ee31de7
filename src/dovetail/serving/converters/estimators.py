"""A fitted estimator or pipeline of scikit-learn as a compiled form.

The last estimator gives a core and a head, what stands before it gives steps. Where the core is a
product, the steps are folded into it.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from dovetail.serving.compiled import CompiledForm
from dovetail.serving.converters.checks import lean
from dovetail.serving.converters.columns import convert_chain, convert_first, flat, width_after
from dovetail.serving.converters.conversion import Conversion
from dovetail.serving.converters.forests import FORESTS
from dovetail.serving.converters.histograms import HISTOGRAMS
from dovetail.serving.converters.linear import LINEAR, fold
from dovetail.serving.converters.model import AnyStep, ConvertedModel, name_of, refuse
from dovetail.serving.converters.wrappers import WRAPPERS
from dovetail.serving.forms import Blocks, Input, Linear, MatrixInput, TableInput
from dovetail.serving.forms.heads import PREDICT
from dovetail.serving.signature import MatrixSignature, Signature
from dovetail.serving.table import TableSignature

__all__ = ["CONVERTERS", "convert_estimator"]

CONVERTERS: dict[str, Callable[[Any], ConvertedModel]] = {
    **LINEAR,
    **FORESTS,
    **HISTOGRAMS,
    **WRAPPERS,
}
"""Class name of the last estimator to its converter."""


def convert_estimator(
    estimator: Any, signature: Signature, outputs: Sequence[str] = (PREDICT,)
) -> Conversion:
    """Convert a fitted estimator.

    Args:
        estimator: of scikit-learn, or a `Pipeline` of such.
        signature: what the model takes.
        outputs: names of the methods that the form must answer; the first is the default.

    Raises:
        NotConvertibleError: a part of it has no compiled form; the error names it.
    """
    *before, last = _parts(estimator)
    convert = CONVERTERS.get(name_of(last))
    if convert is None:
        raise refuse(last)
    source, steps = _source(before, estimator, signature)
    model = convert(last)
    missing = [name for name in outputs if name not in model.head.known]
    if missing:
        raise refuse(last, f"what its {missing[0]} gives is not known here")
    head = msgspec.structs.replace(model.head, names=tuple(outputs))
    return _assembled(source, steps, replace(model, head=head))


def _parts(estimator: Any) -> list[Any]:
    """Return the parts of a pipeline; a last one that encodes its input itself becomes two."""
    *before, last = flat(estimator)
    encoder = getattr(last, "_preprocessor", None) if name_of(last) in HISTOGRAMS else None
    return [*before, *flat(encoder), last] if encoder is not None else [*before, last]


def _source(
    before: Sequence[Any], estimator: Any, signature: Signature
) -> tuple[Input, list[AnyStep]]:
    """Return how a request becomes a matrix, and the steps that follow."""
    if isinstance(signature, MatrixSignature):
        return MatrixInput(signature), convert_chain(before, signature.width)
    if not isinstance(signature, TableSignature):
        raise refuse(estimator, "it takes neither a matrix nor a table")
    blocks, rest = convert_first(before, signature.names)
    _check_types(estimator, signature, blocks)
    return TableInput(signature, blocks), convert_chain(rest, width_after([blocks], 0))


def _check_types(estimator: Any, signature: TableSignature, blocks: Blocks) -> None:
    for column in signature.columns:
        is_odd = column.content in ("datetime", "binary")
        is_number = column.name in blocks.numbers
        if column.name in blocks.sources and (is_odd or (column.is_text and is_number)):
            raise refuse(estimator, f"its column {column.name!r} is neither numbers nor categories")


def _assembled(source: Input, steps: list[AnyStep], model: ConvertedModel) -> Conversion:
    steps = [*steps, *model.steps]
    core, points = model.core, model.points
    if isinstance(core, Linear):
        steps, core, points = fold(steps, core, points)
    form = CompiledForm(input=source, steps=lean(steps, core), core=core, head=model.head)
    return Conversion(form, points)
