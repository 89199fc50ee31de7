"""Business figures of the service: functions that the operator names in the settings.

They run inside the server, so they come from the settings alone, never from a request.
"""

import importlib
import importlib.util
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from dovetail.base.errors import SettingsError
from dovetail.monitoring.errors import RowsInvalidError
from dovetail.monitoring.numeric import Floats
from dovetail.monitoring.quality.business import Business

__all__ = ["load_business"]

_SETTING = "[monitoring] business"


def load_business(places: Sequence[str]) -> dict[str, Business]:
    """The functions of some places by their names.

    Args:
        places: Like `figures.py:cost`, a file, or `shop.figures:cost`, a module.

    Raises:
        SettingsError: One of them is not there, or two have the same name.
    """
    found: dict[str, Business] = {}
    for place in places:
        source, _, name = place.rpartition(":")
        if not source or not name.isidentifier():
            raise SettingsError(
                f"{_SETTING}: '{place}' names no function", fix="write it like figures.py:cost"
            )
        function = getattr(_module(source), name, None)
        if not callable(function):
            raise SettingsError(f"{_SETTING}: {source} has no function '{name}'")
        if name in found:
            raise SettingsError(f"{_SETTING}: there are two functions named '{name}'")
        found[name] = _guarded(name, function)
    return found


def _guarded(name: str, function: Business) -> Business:
    """The same function; what it raises is said to be its own."""

    def call(answers: Floats, labels: Floats) -> Floats | float:
        try:
            return function(answers, labels)
        except Exception as error:  # whatever the function does
            raise RowsInvalidError(
                f"the business figure '{name}' failed",
                why=f"{type(error).__name__}: {error}",
                fix="mend the function, then start the server again",
            ) from error

    return call


def _module(source: str) -> ModuleType:
    try:
        if not source.endswith(".py"):
            return importlib.import_module(source)
        path = Path(source)
        spec = importlib.util.spec_from_file_location(f"dovetail_business_{path.stem}", path)
        if spec is None or spec.loader is None or not path.is_file():
            raise FileNotFoundError("there is no such file")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    except Exception as error:  # whatever the file does when it is run
        raise SettingsError(
            f"{_SETTING}: {source} cannot be loaded", why=str(error) or type(error).__name__
        ) from error
    return module
