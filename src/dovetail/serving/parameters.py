"""Parameters of a model, set by a request beside its tensors: `temperature`, `quantile`.

They come as `parameters` of the request, or as tensors of one value. A model that has some says
their names in its signature; requests of other models are not looked at.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from dovetail.serving.errors import BadTensorError
from dovetail.serving.signature import Signature
from dovetail.serving.tensors import Array, TensorSpec

__all__ = ["ParameterSignature", "with_parameters"]


@dataclass(frozen=True)
class ParameterSignature:
    """A signature of tensors, beside which parameters may come.

    Args:
        base: of the tensors.
        parameters: names.
    """

    base: Signature
    parameters: tuple[str, ...]
    by_rows: ClassVar[bool] = False  # requests with other parameters may not be joined

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        """The tensors that a client should send."""
        return self.base.inputs

    def bind(self, tensors: Mapping[str, Array]) -> dict[str, Array]:
        """Bind the tensors; parameters stay as they are.

        Raises:
            BadTensorError: a tensor does not fit, or a parameter has more than one value.
        """
        bound = self.base.bind({k: v for k, v in tensors.items() if k not in self.parameters})
        for name in self.parameters:
            if name in tensors:
                if tensors[name].size != 1:
                    raise BadTensorError(f"the parameter {name!r} has {tensors[name].size} values")
                bound[name] = tensors[name]
        return bound

    def split(self, bound: Mapping[str, Array]) -> tuple[dict[str, Array], dict[str, Any]]:
        """Return the tensors and the values of the parameters from what `bind` gave."""
        tensors = {k: v for k, v in bound.items() if k not in self.parameters}
        values = {}
        for name in self.parameters:
            if name in bound:
                value = bound[name].ravel().tolist()[0]
                values[name] = value.decode() if isinstance(value, bytes) else value
        return tensors, values


def with_parameters(
    tensors: Mapping[str, Array], names: tuple[str, ...], parameters: Mapping[str, Any]
) -> Mapping[str, Array]:
    """Return the tensors of a request together with those of its parameters that a model has.

    Args:
        tensors: of the request.
        names: of the model's parameters.
        parameters: of the request.
    """
    found = dict(tensors)
    for name in names:
        if name in parameters and name not in found:
            found[name] = np.empty((), dtype=object)
            found[name][()] = parameters[name]
    return found
