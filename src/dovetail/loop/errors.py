"""Errors of the loop.

DovetailError
|- RecipeError           recipe            the user's recipe cannot be loaded or failed
`- UnsupportedServerError  unsupported-server   the inference server cannot be deployed to
"""

from dovetail.base.errors import DovetailError, InvalidInputError

__all__ = ["RecipeError", "UnsupportedServerError"]


class RecipeError(InvalidInputError):
    """The recipe cannot be used."""

    code = "recipe"


class UnsupportedServerError(DovetailError):
    """The server behind the serving joint gives no way to load a version."""

    code = "unsupported-server"
