"""A converted model: its form, and rows on which the form is to be compared with the original.

Trees change their answer only at thresholds, so a comparison on typical rows proves little. The
rows lie on thresholds, one float beside them, at zero, outside every range, and are missing;
where there are steps before the trees, they are values that the steps lead there.
"""

from dataclasses import dataclass

import numpy as np

from dovetail.serving.compiled import CompiledForm
from dovetail.serving.forms.steps import Points
from dovetail.serving.tensors import Array

__all__ = ["Conversion"]

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
        points = self.points
        for step in reversed(self.form.steps):
            points = step.back(points)
        random = np.random.default_rng(seed)
        drawn = self.form.input.draw(points, rows, random)
        if self.missing:
            for matrix in drawn.values():
                matrix[random.random(matrix.shape) < _MISSING] = np.nan
        return self.form.input.joined(example, drawn, rows)
