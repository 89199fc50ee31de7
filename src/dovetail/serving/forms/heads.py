"""Heads: from scores to the outputs that a model has.

A regression has values. A classifier has labels, given as they were trained on, and, where the
original has them, scores and probabilities, computed only for a request that asks.
"""

from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np

from dovetail.serving.forms.links import LINKS
from dovetail.serving.tensors import DATATYPES, Array, TensorSpec

__all__ = ["PREDICT", "Answer", "Classes", "Head", "Labels", "Values"]

PREDICT, PROBABILITIES = "predict", "predict_proba"
LOGARITHMS, SCORES = "predict_log_proba", "decision_function"
_FREE = frozenset((PREDICT, SCORES))

Answer = Callable[[Array, tuple[str, ...]], dict[str, Array]]


class Labels(msgspec.Struct, frozen=True):
    """The labels of a classifier.

    Args:
        datatype: the protocol's name of their type.
        values: in the order of the scores.
    """

    datatype: str
    values: tuple[bool | int | float | str, ...]

    @classmethod
    def of(cls, classes: Any) -> "Labels":
        """Take them from an array."""
        array = np.asarray(classes)
        kind = {np.dtype(v): k for k, v in DATATYPES.items()}.get(array.dtype, "BYTES")
        values = array.tolist()
        return cls(kind, tuple(values if kind != "BYTES" else map(_text, values)))

    def array(self) -> Array:
        """Return them as an array; text as objects."""
        return np.array(self.values, DATATYPES[self.datatype])


class Values(msgspec.Struct, frozen=True, tag="values"):
    """Numbers: `predict` [rows, width].

    Args:
        width: how many a row has.
        link: name in `LINKS`.
        divisor: what scores are divided by first.
        datatype: of the output.
        names: of the outputs, of which there is one.
    """

    width: int
    link: str = "identity"
    divisor: float = 1.0
    datatype: str = "FP64"
    names: tuple[str, ...] = (PREDICT,)

    @property
    def known(self) -> frozenset[str]:
        """Every output that it could have."""
        return frozenset((PREDICT,))

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        """The outputs that there are."""
        return (TensorSpec(PREDICT, self.datatype, (-1, self.width)),)

    def open(self) -> Answer:
        """Return the function from scores and wanted names to outputs."""
        link = _scaled(self.link, self.divisor)
        dtype = DATATYPES[self.datatype]
        return lambda score, wanted: {PREDICT: link(score).astype(dtype, copy=False)}


class Classes(msgspec.Struct, frozen=True, tag="classes"):
    """Labels, and scores and probabilities where the original has them.

    Args:
        labels: the labels.
        link: name in `LINKS`, from scores to probabilities; empty if there are none.
        divisor: what scores are divided by before the link.
        limit: of two classes, the score above which it is the second; None takes the largest.
        by_probability: whether the label is decided by the probabilities rather than the scores.
        datatype: of the probabilities.
        names: of the outputs; the first is given where none is named.
    """

    labels: Labels
    link: str = ""
    divisor: float = 1.0
    limit: float | None = None
    by_probability: bool = False
    datatype: str = "FP64"
    names: tuple[str, ...] = (PREDICT, PROBABILITIES)

    @property
    def known(self) -> frozenset[str]:
        """Every output that it could have."""
        return frozenset((PREDICT, SCORES, *((PROBABILITIES, LOGARITHMS) if self.link else ())))

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        """The outputs that there are."""
        classes = len(self.labels.values)
        scores = 1 if self.limit is not None else classes
        specs = {
            PREDICT: TensorSpec(PREDICT, self.labels.datatype, (-1, 1)),
            SCORES: TensorSpec(SCORES, self.datatype, (-1, scores)),
            PROBABILITIES: TensorSpec(PROBABILITIES, self.datatype, (-1, classes)),
            LOGARITHMS: TensorSpec(LOGARITHMS, self.datatype, (-1, classes)),
        }
        return tuple(specs[name] for name in self.names)

    def open(self) -> Answer:
        """Return the function from scores and wanted names to outputs."""
        label, names, by_probability = self._label(), frozenset(self.names), self.by_probability
        default = self.names[:1]
        likely = _scaled(self.link, self.divisor) if self.link else None
        dtype = DATATYPES[self.datatype]

        def answer(score: Array, wanted: tuple[str, ...]) -> dict[str, Array]:
            asked = [name for name in wanted if name in names] or default
            probabilities = score
            if likely is not None and (by_probability or not _FREE.issuperset(asked)):
                probabilities = likely(score)
            outputs: dict[str, Array] = {}
            for name in asked:
                if name == PREDICT:
                    outputs[name] = label(probabilities if by_probability else score)
                elif name == SCORES:
                    outputs[name] = score
                elif name == PROBABILITIES:
                    outputs[name] = probabilities.astype(dtype, copy=False)
                else:
                    with np.errstate(divide="ignore"):
                        outputs[name] = np.log(probabilities)
            return outputs

        return answer

    def _label(self) -> Callable[[Array], Array]:
        labels, limit = self.labels.array(), self.limit
        if limit is None:
            return lambda score: labels[score.argmax(axis=1)].reshape(-1, 1)
        each = labels.reshape(-1, 1, 1)

        def second(score: Array) -> Array:
            if len(score) == 1:  # what numpy takes for a call is more than the work
                return each[int(score.item(-1) > limit)].copy()  # type: ignore[no-any-return]
            return labels[(score[:, -1] > limit).view(np.int8)].reshape(-1, 1)

        return second


Head = Values | Classes


def _scaled(name: str, divisor: float) -> Callable[[Array], Array]:
    link = LINKS[name]
    return link if divisor == 1.0 else lambda score: link(score / divisor)


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
