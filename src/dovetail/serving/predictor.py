"""The seam between a model's format and the server: what a loaded model can do.

A format gives a `Predictor`. One that has an equivalent in a faster form is `Compilable` too;
`compile` then compares the two and chooses.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from dovetail.serving.signature import Signature
from dovetail.serving.tensors import Array, TensorSpec

if TYPE_CHECKING:
    from dovetail.serving.compiled import CompiledForm

__all__ = ["Compilable", "Predictor"]


class Predictor(Protocol):
    """A model that answers."""

    @property
    def platform(self) -> str:
        """What runs it, in the protocol's `<project>_<format>` form: "lightgbm_text"."""

    @property
    def signature(self) -> Signature:
        """What it takes."""

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        """What it can give."""

    def run(self, inputs: Mapping[str, Array], wanted: tuple[str, ...] = ()) -> dict[str, Array]:
        """Answer inputs that the signature has bound. Any thread may call.

        Args:
            inputs: the model's own tensors.
            wanted: names from `outputs`; empty for those that it gives by default, which may be
                fewer than all (a classifier's probabilities are given only where asked for).

        Returns:
            At least the wanted outputs; names that the model does not have are left out.

        Raises:
            InferenceFailedError: the model failed.
        """


@runtime_checkable
class Compilable(Predictor, Protocol):
    """A predictor that has an equivalent in a faster form."""

    def compiled(self) -> "CompiledForm":
        """Return the faster form.

        Raises:
            NotConvertibleError: the model uses something that the faster form lacks.
        """

    def sample(self, rows: int) -> dict[str, Array]:
        """Return bound inputs on which the two forms are to be compared, the same each time."""
