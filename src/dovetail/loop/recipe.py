"""The user's part of the loop: how to train, and what became of recent predictions.

A recipe is ordinary Python, named in `[loop] recipe` as `module:factory`. The factory is called
with the loop's `Joints` and returns an object with the two methods of `Recipe`.
"""

import importlib
from dataclasses import dataclass
from datetime import date
from typing import Protocol

import numpy as np
import numpy.typing as npt

from dovetail.loop.errors import RecipeError
from dovetail.loop.joints import Joints

__all__ = ["Examples", "Recipe", "load_recipe"]


@dataclass(frozen=True)
class Examples:
    """Rows whose outcome is known.

    Attributes:
        columns: names of the features, in the order of `inputs`.
        inputs: float32, shape [rows, features].
        labels: 0 or 1, shape [rows].
        days: proleptic ordinal of each row's day, shape [rows].
        keys: what identifies each row, shape [rows].
    """

    columns: tuple[str, ...]
    inputs: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int8]
    days: npt.NDArray[np.int64]
    keys: npt.NDArray[np.str_]

    def __post_init__(self) -> None:
        """Check that the columns fit together.

        Raises:
            RecipeError: they do not, or a label is neither 0 nor 1.
        """
        rows = len(self.labels)
        if self.inputs.shape != (rows, len(self.columns)):
            raise RecipeError(
                f"the recipe gave inputs of shape {list(self.inputs.shape)}",
                why=f"there are {rows} labels and {len(self.columns)} columns",
            )
        if len(self.days) != rows or len(self.keys) != rows:
            raise RecipeError(
                f"the recipe gave {len(self.days)} days and {len(self.keys)} keys",
                why=f"there are {rows} labels",
            )
        if not bool(np.isin(self.labels, (0, 1)).all()):
            raise RecipeError("the recipe gave labels other than 0 and 1")

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.labels)


class Recipe(Protocol):
    """What the loop asks of the user."""

    def train(self, until: date, key: str) -> str:
        """Train on everything known before a day and register the version.

        Args:
            until: first day that must not be used.
            key: names this attempt; called again with the same key, the same version is
                returned and nothing is trained twice.

        Returns:
            The registered version.
        """

    def examples(self, start: date, end: date) -> Examples:
        """Return the labelled rows of the days from `start` up to, not including, `end`."""


def load_recipe(name: str, joints: Joints) -> Recipe:
    """Import and call a recipe's factory.

    Raises:
        RecipeError: the name is not `module:factory`, or nothing is found there.
    """
    module, colon, attribute = name.partition(":")
    if not colon or not module or not attribute:
        raise RecipeError(
            f"recipe {name!r} cannot be loaded", fix="write it as module:factory under [loop]"
        )
    try:
        factory = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise RecipeError(f"recipe {name!r} cannot be loaded", why=str(error)) from error
    recipe: Recipe = factory(joints)
    for method in ("train", "examples"):
        if not callable(getattr(recipe, method, None)):
            raise RecipeError(
                f"recipe {name!r} made a {type(recipe).__name__} without {method}()",
                fix="return an object with train(until, key) and examples(start, end)",
            )
    return recipe
