"""Which room may import which, and what a piece may bring into a process."""

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

DECLARED = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
PIECES = sorted(DECLARED["project"]["entry-points"]["dovetail.pieces"])
ROOMS = [*PIECES, "app", "base", "cli", "testing", "web", "wire"]
PROBE = "import sys, json, {module}; print(json.dumps(sorted(sys.modules)))"


def modules_after_importing(module: str) -> set[str]:
    shown = subprocess.run(
        [sys.executable, "-c", PROBE.format(module=module)],
        check=True,
        capture_output=True,
        text=True,
    )
    return set(json.loads(shown.stdout))


def test_every_import_follows_the_contract(root: Path) -> None:
    pytest.importorskip("importlinter", reason="import-linter comes with requirements/lint.txt")
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports())",
        ],
        cwd=root,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout


def test_the_contract_names_every_room(root: Path) -> None:
    layers = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["importlinter"]
    named = {
        room.strip().removeprefix("dovetail.")
        for layer in layers["contracts"][0]["layers"]
        for room in layer.split("|")
    }
    rooms = {path.parent.name for path in (root / "src/dovetail").glob("*/__init__.py")}
    assert named == rooms == set(ROOMS)


@pytest.mark.parametrize("room", ROOMS)
def test_importing_a_room_loads_no_heavy_library(root: Path, room: str) -> None:
    module = f"dovetail.{room}.piece" if room in PIECES else f"dovetail.{room}"
    rules = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["ruff"]["lint"]
    heavy = set(rules["flake8-tidy-imports"]["banned-module-level-imports"])
    assert modules_after_importing(module) & heavy == set()


@pytest.mark.parametrize("piece", PIECES)
def test_importing_a_piece_loads_no_other(piece: str) -> None:
    loaded = modules_after_importing(f"dovetail.{piece}.piece")
    assert [other for other in PIECES if f"dovetail.{other}" in loaded] == [piece]
