"""Public names that are imported when they are first used.

A package that shows what rests on a heavy library would have everyone load it who imports any
module below it: a server that never computes, a command that only prints its help.
"""

import importlib
import sys
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["lazy"]


def lazy(package: str, homes: Mapping[str, str]) -> Callable[[str], Any]:
    """Return the `__getattr__` of a package whose names lie in its modules.

    Args:
        package: Its name, `__name__`.
        homes: For each name the module of the package that defines it. No module may bear the name
            of what is shown: to import it would hide that.

    Raises:
        AttributeError: the returned function does, where a name is not shown.

    Example:
        >>> lazy("json", {"JSONDecoder": "decoder"})("JSONDecoder").__module__
        'json.decoder'
    """

    def get(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(importlib.import_module(f"{package}.{homes[name]}"), name)
        if package in sys.modules:
            setattr(sys.modules[package], name, value)
        return value

    return get
