"""A model under the names, types and shapes that a repository's configuration declares.

The model itself keeps its own; this stands between it and the client. A configuration that does
not fit the model is refused when it is loaded, not when the first client calls.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from dovetail.serving import formats
from dovetail.serving.errors import BadModelError, BadTensorError, InferenceFailedError
from dovetail.serving.layouts.card import Card, Declared, Fil
from dovetail.serving.predictor import Predictor
from dovetail.serving.signature import AnySignature, MatrixSignature, NamedSignature, Signature
from dovetail.serving.tensors import DATATYPES, Array, TensorSpec

__all__ = ["Dressed", "DressedSignature", "check_format", "dress"]

_PROBABILITIES = "predict_proba"
_DATA = {"onnx", "lightgbm", "xgboost", "catboost", "torch"}
"""Formats that are told apart by what is in the file."""


def dress(predictor: Predictor, card: Card, source: object) -> Predictor:
    """Return a model as its card declares it; the model itself where the card says nothing.

    Args:
        predictor: the model, in the form that serves.
        card: what the configuration says.
        source: how to name the model in messages.

    Raises:
        BadModelError: the configuration does not fit the model.
    """
    if not (card.inputs or card.outputs or card.platform or card.fil):
        return predictor
    return Dressed(predictor, card, source)


def check_format(card: Card, file: Path) -> None:
    """Refuse files that are in another format than the configuration says.

    Raises:
        BadModelError: they are, or that format is not served.
        UntrustedError: the file can execute code, and no format reads it.
    """
    if not card.format:
        return
    if card.format not in formats.FORMATS:
        raise BadModelError(
            file,
            f"its configuration says {card.format}, which is not served",
            fix=f"served are: {', '.join(sorted(formats.FORMATS))}",
        )
    found = formats.detect(file)
    if found in _DATA and card.format in _DATA and found != card.format:
        raise BadModelError(file, f"its configuration says {card.format}, its files are {found}")


@dataclass(frozen=True)
class DressedSignature:
    """Takes tensors under the declared names.

    Args:
        inner: the model's own signature.
        inputs: the declared tensors.
        names: declared name to the model's.
        shapes: the model's shape by declared name, where it is another.
        checks: checks types and sizes as declared, for a model that knows none.
    """

    inner: Signature
    inputs: tuple[TensorSpec, ...]
    names: Mapping[str, str]
    shapes: Mapping[str, tuple[int, ...]]
    checks: NamedSignature | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the features, where the model has them."""
        return tuple(getattr(self.inner, "columns", ()))

    @property
    def by_rows(self) -> bool:
        """Whether requests can be joined by rows."""
        return bool(getattr(self.inner, "by_rows", False))

    def bind(self, tensors: Mapping[str, Array]) -> dict[str, Array]:
        """Rename and reshape what needs it, and let the model's own signature check it."""
        if self.checks is not None:
            tensors = self.checks.bind(tensors)
        if self.shapes:
            tensors = {name: self._shaped(name, tensor) for name, tensor in tensors.items()}
        names = self.names
        return self.inner.bind({names.get(n, n): tensor for n, tensor in tensors.items()})

    def _shaped(self, name: str, tensor: Array) -> Array:
        shape = self.shapes.get(name)
        if shape is None:
            return tensor
        fixed = [size for size in shape if size >= 0]
        free = len(shape) - len(fixed)
        target = list(shape)
        if free and shape[0] == -1 and tensor.ndim:  # the rows stay what they are
            target[0] = len(tensor)
        try:
            return tensor.reshape(target)
        except ValueError as error:
            raise BadTensorError(
                f"tensor {name!r} has the shape {list(tensor.shape)}",
                why=f"the model takes it as {list(shape)}",
            ) from error


class Dressed:
    """A model behind its declared tensors.

    Args:
        inner: the model.
        card: what is declared.
        source: how to name the model in messages.

    Raises:
        BadModelError: it does not fit.
    """

    def __init__(self, inner: Predictor, card: Card, source: object) -> None:
        self.inner = inner
        self.platform = card.platform or inner.platform
        self.may_hang = getattr(inner, "may_hang", False)
        signature = inner.signature
        self.signature: Signature = _signature(signature, card, source)
        self._answer = _forest_answer(card.fil) if card.fil is not None else None
        # MLServer's declared outputs are metadata; its clients read the names that models give.
        self._declared = () if card.layout == "mlserver" else card.outputs
        own = [spec.name for spec in inner.outputs]
        if card.fil is not None and _PROBABILITIES in own:  # where `predict` is the class
            own = [_PROBABILITIES]
        self._own = _matched(self._declared, own, "outputs", source)
        said = {d.name: TensorSpec(d.name, d.datatype, d.shape) for d in card.outputs}
        if self._declared:
            self.outputs = tuple(said.values())
        else:
            self.outputs = tuple(said.get(spec.name, spec) for spec in inner.outputs)

    def run(self, inputs: Mapping[str, Array], wanted: tuple[str, ...] = ()) -> dict[str, Array]:
        """Ask the model for the declared outputs, and give them as declared."""
        if not self._declared:
            return self.inner.run(inputs, wanted)
        chosen = [d for d in self._declared if not wanted or d.name in wanted] or self._declared
        found = self.inner.run(inputs, tuple(self._own[d.name] for d in chosen))
        for d in chosen:
            if (name := self._own[d.name]) not in found:
                raise InferenceFailedError(f"the model gave no {name!r}, which is declared")
        return {d.name: self._given(d, found[self._own[d.name]]) for d in chosen}

    def _given(self, declared: Declared, array: Array) -> Array:
        if self._answer is not None:
            array = self._answer(array)
        if declared.datatype != "BYTES":
            array = array.astype(DATATYPES[declared.datatype], copy=False)
        if len(declared.shape) != array.ndim and -1 not in declared.shape[1:]:
            # A column of one value is [rows] or [rows, 1], as the configuration likes.
            target = [len(array) if array.ndim else 1, *declared.shape[1:]]
            if int(np.prod(target)) == array.size:
                array = array.reshape(target)
        return array


def _signature(inner: Signature, card: Card, source: object) -> Signature:
    declared = card.inputs
    if not declared:
        return inner
    specs = tuple(TensorSpec(d.name, d.datatype, d.shape) for d in declared)
    shapes = {d.name: d.reshape for d in declared if d.reshape is not None}
    if isinstance(inner, AnySignature):
        return NamedSignature(specs)
    if isinstance(inner, MatrixSignature):
        if len(declared) > 1:
            if len(declared) != inner.width:
                raise _misfit(source, "inputs", [d.name for d in declared], [inner.name])
            columns = tuple(d.name for d in declared)
            return DressedSignature(replace(inner, columns=columns), specs, {}, shapes)
        shape = declared[0].reshape or declared[0].shape
        if len(shape) == 2 and shape[1] not in (-1, inner.width):
            raise BadModelError(
                source,
                f"its input {declared[0].name!r} is declared with {shape[1]} features, "
                f"the model takes {inner.width}",
            )
        return DressedSignature(inner, specs, {}, shapes)
    names = _matched(declared, [spec.name for spec in inner.inputs], "inputs", source)
    checks = NamedSignature(specs) if getattr(inner, "is_open", False) else None
    return DressedSignature(inner, specs, names, shapes, checks)


def _matched(
    declared: Sequence[Declared], own: Sequence[str], what: str, source: object
) -> dict[str, str]:
    """Return declared name to the model's: the same name, or the same place where none is."""
    theirs = [d.name for d in declared]
    if what == "outputs" and (not own or set(theirs) <= set(own)):
        return {name: name for name in theirs}
    if set(theirs) == set(own):
        return {name: name for name in theirs}
    fits = len(theirs) == len(own) or (what == "outputs" and len(theirs) < len(own))
    if fits and not set(theirs) & set(own):
        return dict(zip(theirs, own, strict=False))
    raise _misfit(source, what, theirs, own)


def _misfit(source: object, what: str, theirs: Sequence[str], own: Sequence[str]) -> BadModelError:
    return BadModelError(
        source,
        f"its declared {what} are {', '.join(theirs[:8])}",
        fix=f"the model's are: {', '.join(own[:8])}",
    )


def _forest_answer(fil: Fil) -> Callable[[Array], Array]:
    """Return how Triton's forest backend gives what a forest predicts.

    A forest gives [rows, 1] (a value, or the probability of the second class) or [rows, classes].
    """

    def answer(array: Array) -> Array:
        width = array.shape[1]
        second = array[:, 1:] if width == 2 else array
        if not fil.classes:
            return second
        if fil.probabilities:
            return np.concatenate([1 - array, array], axis=1) if width == 1 else array
        chosen: Array = second[:, 0] > fil.threshold if width <= 2 else array.argmax(axis=1)
        return chosen.astype(np.float32)

    return answer
