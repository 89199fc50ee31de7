"""A piece and its unit tests need none of the other pieces: they run with all of those deleted.

The tests are collected that way always. They are also run that way where the environment says
`CI`, because that takes as long as all unit tests. Each runs on one database there, and fuzzes for
seconds: which other pieces are there changes nothing of either.
"""

import ast
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
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options, "tests/unit"],
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
    done = run_units(house_with_only(piece, root, tmp_path), "--collect-only")
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]


@pytest.mark.timeout(600)
@pytest.mark.skipif(
    "CI" not in os.environ, reason="as long as all unit tests; runs where CI is set"
)
@pytest.mark.parametrize("piece", PIECES)
def test_units_pass_without_the_other_pieces(piece: str, root: Path, tmp_path: Path) -> None:
    house = house_with_only(piece, root, tmp_path)
    done = run_units(house, "-x", "-k", "not postgresql")
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
