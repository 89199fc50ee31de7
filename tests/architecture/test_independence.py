"""A piece and its unit tests need none of the other pieces: they run with all of those deleted."""

import os
import shutil
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

PIECES = sorted(entry.name for entry in entry_points(group="dovetail.pieces"))


def house_with_only(piece: str, root: Path, place: Path) -> Path:
    """Copy the source and the tests, less every other piece."""
    others = shutil.ignore_patterns("__pycache__", *(name for name in PIECES if name != piece))
    shutil.copytree(root / "src", place / "src", ignore=others)
    shutil.copytree(root / "tests/unit" / piece, place / "tests/unit" / piece)
    for shared in ("tests/conftest.py", "tests/unit/conftest.py"):
        if (root / shared).exists():
            shutil.copy(root / shared, place / shared)
    shutil.copy(root / "pyproject.toml", place)
    return place


@pytest.mark.parametrize("piece", PIECES)
def test_units_pass_without_the_other_pieces(piece: str, root: Path, tmp_path: Path) -> None:
    house = house_with_only(piece, root, tmp_path)
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("PYTEST")
    }
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "tests/unit"],
        cwd=house,
        env={**environment, "PYTHONPATH": str(house / "src")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
