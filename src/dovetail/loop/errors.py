"""Errors of the loop.

DovetailError
|- RecipeError             recipe              the user's recipe cannot be loaded or failed
|- NoProbabilityError      no-probability      a model's answer is no probability of one class
`- UnsupportedServerError  unsupported-server  the inference server cannot be deployed to
"""

from dovetail.base.errors import DovetailError, InvalidInputError

__all__ = ["NoProbabilityError", "RecipeError", "UnsupportedServerError"]


class RecipeError(InvalidInputError):
    """The recipe cannot be used."""

    code = "recipe"


class NoProbabilityError(InvalidInputError):
    """A model answered something that is no probability of the positive class.

    Args:
        model: which model.
        why: what is wrong with its answer.
    """

    code = "no-probability"

    def __init__(self, model: str, why: str) -> None:
        super().__init__(
            f"the answer of {model} cannot be compared",
            why=why,
            fix="let it answer one or two numbers a row, the last the positive class's probability",
        )


class UnsupportedServerError(DovetailError):
    """The server behind the serving joint gives no way to load a version."""

    code = "unsupported-server"
