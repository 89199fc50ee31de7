"""Heavy libraries on demand.

Pieces import their heavy libraries inside functions through `require`, so that a server starts
fast and a missing extra is named with the exact command that brings it.
"""

import importlib
from typing import Any

from dovetail.base.errors import MissingExtraError

__all__ = ["require"]


def require(module: str, *, extra: str, feature: str) -> Any:
    """Import an optional library or say which extra brings it.

    Args:
        module: dotted module name.
        extra: the extra of this distribution that installs it.
        feature: what the user was doing, as the subject of a sentence.

    Returns:
        The module, untyped because optional libraries are.

    Raises:
        MissingExtraError: the library is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not module.startswith(error.name.split(".")[0]):
            raise
        raise MissingExtraError(feature, module, extra) from error
