import numpy as np
import pytest

from dovetail.loop import Examples
from dovetail.loop.errors import RecipeError


def examples(**changed) -> Examples:
    given = {
        "columns": ("a", "b"),
        "inputs": np.zeros((3, 2), np.float32),
        "labels": np.array([0, 1, 1], np.int8),
        "days": np.arange(3),
        "keys": np.array(["x", "y", "z"]),
    }
    return Examples(**{**given, **changed})


def test_examples_count_their_rows():
    assert len(examples()) == 3


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"inputs": np.zeros((3, 3))},
            "the recipe gave inputs of shape [3, 3]. there are 3 labels and 2 columns.",
        ),
        (
            {"days": np.arange(2)},
            "the recipe gave 2 days and 3 keys. there are 3 labels.",
        ),
        ({"labels": np.array([0, 1, 2])}, "the recipe gave labels other than 0 and 1."),
    ],
    ids=["inputs", "days", "labels"],
)
def test_columns_that_do_not_fit_are_refused(changed, message):
    with pytest.raises(RecipeError) as caught:
        examples(**changed)
    assert str(caught.value) == message
