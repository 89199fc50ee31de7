import importlib
import pkgutil
import subprocess
import sys

import pytest

from dovetail import wire

MODULES = sorted(set(wire.__all__))


@pytest.mark.parametrize("name", MODULES)
def test_what_a_module_exports_is_there_and_sorted(name):
    module = importlib.import_module(f"dovetail.wire.{name}")
    assert all(hasattr(module, item) for item in module.__all__)
    assert len(set(module.__all__)) == len(module.__all__)


@pytest.mark.parametrize("name", ["mlflow", "monitoring", "open_inference"])
def test_a_package_exports_every_public_name_that_it_shows(name):
    module = importlib.import_module(f"dovetail.wire.{name}")
    submodules = {found.name for found in pkgutil.iter_modules(module.__path__)}
    visible = {item for item in vars(module) if not item.startswith("_")} - submodules
    assert visible == set(module.__all__) - submodules


def test_the_room_lists_its_modules():
    assert wire.__all__ == sorted(found.name for found in pkgutil.iter_modules(wire.__path__))


def test_the_protocols_need_no_heavy_library():
    code = (
        "from dovetail.wire import *; import sys; "
        "print([m for m in ('numpy', 'pandas', 'sqlalchemy', 'starlette') if m in sys.modules])"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"
