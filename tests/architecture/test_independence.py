"""A piece and its unit tests need none of the other pieces: they run with all of those deleted.

All tests are collected that way, and with them is imported whatever they import. Those that drive
the piece as its users do (by command, over HTTP, in its pages, by its guides) are also run that
way where the environment says `CI`: imports are held by import-linter, so what is left to find is
a name that is looked up while the piece runs. One database is enough for that.
"""

import ast
import os
import re
import shutil
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

DRIVES = re.compile(
    r"test_(cli|commands?|docs.*|guard|(.*_)?guide|how_to|over_http|pages|routes|served|server)\.py"
)
PIECES = sorted(entry.name for entry in entry_points(group="dovetail.pieces"))


def house_with_only(piece: str, root: Path, place: Path) -> Path:
    """Copy the source and the tests, less every other piece."""
    shutil.copytree(root / "src", place / "src", ignore=shutil.ignore_patterns("__pycache__"))
    for name in PIECES:
        if name != piece:
            shutil.rmtree(place / "src/dovetail" / name)
    shutil.copytree(root / "tests/unit" / piece, place / "tests/unit" / piece)
    shutil.copytree(root / "docs/how-to", place / "docs/how-to")
    for shared in ("tests/conftest.py", "tests/unit/conftest.py"):
        if (root / shared).exists():
            shutil.copy(root / shared, place / shared)
    shutil.copy(root / "pyproject.toml", place)
    return place


def run_units(house: Path, *options: str) -> subprocess.CompletedProcess[str]:
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("PYTEST") and name != "CI"
    }
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options],
        cwd=house,
        env={**environment, "PYTHONPATH": str(house / "src")},
        capture_output=True,
        text=True,
    )


def imported(path: Path) -> set[str]:
    """Every module that a file imports, inside functions too."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module == "dovetail":
            names |= {f"dovetail.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return names


@pytest.mark.parametrize("piece", PIECES)
def test_units_import_no_other_piece(piece: str, root: Path) -> None:
    others = {f"dovetail.{name}" for name in PIECES if name != piece}
    strays = [
        f"{path.name}: {name}"
        for path in (root / "tests/unit" / piece).rglob("*.py")
        for name in sorted(imported(path))
        if ".".join(name.split(".")[:2]) in others
    ]
    assert strays == []


@pytest.mark.parametrize("piece", PIECES)
def test_units_stand_without_the_other_pieces(piece: str, root: Path, tmp_path: Path) -> None:
    done = run_units(house_with_only(piece, root, tmp_path), "--collect-only", "tests/unit")
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]


@pytest.mark.timeout(600)
@pytest.mark.skipif("CI" not in os.environ, reason="takes two minutes; runs where CI is set")
@pytest.mark.parametrize("piece", PIECES)
def test_a_piece_works_without_the_other_pieces(piece: str, root: Path, tmp_path: Path) -> None:
    house = house_with_only(piece, root, tmp_path)
    drives = [str(path) for path in house.rglob("test_*.py") if DRIVES.fullmatch(path.name)]
    assert drives
    done = run_units(house, "-x", "-k", "not postgresql", *sorted(drives))
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
