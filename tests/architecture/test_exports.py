"""`__all__` is what a user can see: nothing hidden, nothing promised that is not there."""

import importlib
import pkgutil
from types import ModuleType

import pytest

import dovetail

MODULES = [
    found.name
    for found in pkgutil.walk_packages(dovetail.__path__, "dovetail.")
    if not found.name.endswith("__main__")
]
PACKAGES = [
    found.name for found in pkgutil.walk_packages(dovetail.__path__, "dovetail.") if found.ispkg
]


@pytest.mark.parametrize("name", PACKAGES)
def test_a_package_shows_exactly_what_it_exports(name: str) -> None:
    package = importlib.import_module(name)
    seen = {
        thing
        for thing in dir(package)
        if not thing.startswith("_")
        and not isinstance(getattr(package, thing), ModuleType)
        and thing not in ("annotations", "TYPE_CHECKING")
    }
    assert seen == set(getattr(package, "__all__", ()))


@pytest.mark.parametrize("name", MODULES)
def test_every_exported_name_exists_once(name: str) -> None:
    module = importlib.import_module(name)
    exported = list(getattr(module, "__all__", ()))
    assert [thing for thing in exported if not hasattr(module, thing)] == []
    assert len(exported) == len(set(exported))
