"""`__all__` is what a user can see: nothing hidden, nothing promised that is not there."""

import importlib
import importlib.util
import pkgutil
from types import ModuleType

import pytest

import dovetail

FOUND = [
    module
    for module in pkgutil.walk_packages(dovetail.__path__, "dovetail.")
    if not module.name.endswith("__main__")
]
MODULES = [module.name for module in FOUND]
ROOMS = [module.name for module in FOUND if module.ispkg and module.name.count(".") == 1]


def is_ours(thing: object) -> bool:
    """Whether a name was defined here rather than imported from a library."""
    return not isinstance(thing, ModuleType) and getattr(
        thing, "__module__", "dovetail"
    ).startswith("dovetail")


@pytest.mark.parametrize("name", ROOMS)
def test_a_room_shows_nothing_that_it_does_not_export(name: str) -> None:
    package = importlib.import_module(name)
    seen = [thing for thing in dir(package) if not thing.startswith("_")]
    exported = getattr(package, "__all__", ())
    assert [x for x in seen if is_ours(getattr(package, x)) and x not in exported] == []


@pytest.mark.parametrize("name", MODULES)
def test_every_exported_name_exists_once(name: str) -> None:
    module = importlib.import_module(name)
    exported = list(getattr(module, "__all__", ()))
    missing = [
        thing
        for thing in exported
        if not hasattr(module, thing) and not importlib.util.find_spec(f"{name}.{thing}")
    ]
    assert missing == []
    assert len(exported) == len(set(exported))
