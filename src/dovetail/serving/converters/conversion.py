"""A converted model: its form, and rows on which the form is to be compared with the original.

Trees change their answer only at thresholds, so a comparison on typical rows proves little. The
rows lie on thresholds, one float beside them, at zero, outside every range, and are missing;
where there are steps before the trees, they are values that the steps lead there.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from dovetail.serving.compiled import INPUT, CompiledForm
from dovetail.serving.forms.steps import Points, back_through
from dovetail.serving.tensors import Array

__all__ = ["Conversion", "Converted"]

_MISSING = 0.1


@dataclass(frozen=True)
class Conversion:
    """A converted model.

    Args:
        form: the form.
        points: values worth trying behind the form's steps, one array per feature.
        missing: whether missing values are to be tried everywhere.
    """

    form: CompiledForm
    points: Points
    missing: bool = False

    def sample(
        self, rows: int, *, example: dict[str, Array] | None = None, seed: int = 0
    ) -> dict[str, Array]:
        """Draw bound inputs of so many rows, after those of the example.

        Args:
            rows: how many.
            example: rows that the model's author gave; left out where they do not fit.
            seed: of the random numbers; the same seed draws the same rows.

        Returns:
            Inputs as the form's signature binds them.
        """
        points = back_through(self.form.steps, self.points)
        random = np.random.default_rng(seed)
        drawn = self.form.input.draw(points, rows, random)
        if self.missing:
            for matrix in drawn.values():
                matrix[random.random(matrix.shape) < _MISSING] = np.nan
        return _joined(example or {}, drawn, rows)


class Converted:
    """What the predictors of one matrix have in common whose library's model is converted.

    They give `_convert`, and the rows of the model's author as `_example`.
    """

    _example: Array | None

    def _convert(self) -> Conversion:
        raise NotImplementedError

    @cached_property
    def _conversion(self) -> Conversion:
        return self._convert()

    def compiled(self) -> CompiledForm:
        """Return the same trees as an ONNX graph.

        Raises:
            NotConvertibleError: the model has something that the graph lacks.
        """
        return self._conversion.form

    def sample(self, rows: int) -> dict[str, Array]:
        """Return the author's example and random rows around the trees' thresholds."""
        example = {} if self._example is None else {INPUT: self._example}
        return self._conversion.sample(rows, example=example)


def _joined(example: Mapping[str, Array], drawn: dict[str, Array], rows: int) -> dict[str, Array]:
    """Return inputs after the rows of an example, where that fits."""
    fits = example.keys() == drawn.keys() and all(
        example[name].shape[1:] == array.shape[1:] for name, array in drawn.items()
    )
    if not fits:
        return drawn
    return {
        name: np.concatenate([example[name][:rows].astype(array.dtype), array])
        for name, array in drawn.items()
    }
