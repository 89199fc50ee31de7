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
    return recipe
