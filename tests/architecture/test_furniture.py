"""Every piece is furnished alike, so whoever knows one knows all; and rooms stay readable."""

import ast
import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path

import msgspec
import pytest

from dovetail.base.errors import DovetailError
from dovetail.base.settings import JointSettings
from dovetail.web.piece import Piece

GROUP = "dovetail.pieces"
DECLARED = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
PIECES = {
    name: EntryPoint(name, value, GROUP)
    for name, value in DECLARED["project"]["entry-points"][GROUP].items()
}
SOURCE = Path(__file__).resolve().parents[2] / "src/dovetail"
FILES = sorted(SOURCE.rglob("*.py"))
FURNITURE = ("__init__", "cli", "errors", "handlers", "piece", "routes", "settings")
LINES_OF_A_FILE = 500
LINES_OF_A_FUNCTION = 80
LINES_OF_MOST_FUNCTIONS = 40


@pytest.mark.parametrize("name", sorted(PIECES))
@pytest.mark.parametrize("furniture", FURNITURE)
def test_a_piece_has_its_furniture(name: str, furniture: str) -> None:
    module = SOURCE / name / f"{furniture}.py"
    package = SOURCE / name / furniture / "__init__.py"
    assert module.exists() or package.exists()


@pytest.mark.parametrize("name", sorted(PIECES))
def test_a_piece_says_what_it_is(name: str) -> None:
    piece = PIECES[name].load()
    assert isinstance(piece, Piece)
    assert piece.name == name
    assert all((piece.title, piece.job, piece.joint))
    assert issubclass(piece.settings, msgspec.Struct)
    assert piece.settings.__struct_config__.frozen
    assert name in JointSettings.__struct_fields__


@pytest.mark.parametrize("name", sorted(PIECES))
def test_a_piece_starts_from_its_default_settings(name: str) -> None:
    assert PIECES[name].load().settings() is not None


def test_errors_have_their_own_codes() -> None:
    def below(kind: type[DovetailError]) -> list[type[DovetailError]]:
        return [kind, *(found for child in kind.__subclasses__() for found in below(child))]

    for entry in PIECES.values():
        entry.load()
    by_code: dict[str, set[str]] = {}
    for kind in set(below(DovetailError)):
        if "code" in vars(kind):
            by_code.setdefault(kind.code, set()).add(f"{kind.__module__}.{kind.__name__}")
    assert {code: kinds for code, kinds in by_code.items() if len(kinds) > 1} == {}


@pytest.mark.parametrize("name", sorted(PIECES))
def test_a_piece_has_tests_and_a_how_to(root: Path, name: str) -> None:
    assert list((root / "tests/unit" / name).glob("test_*.py"))
    assert (root / f"docs/how-to/{name}.md").exists()


def test_files_and_functions_fit_their_bounds() -> None:
    lengths = {}
    for path in FILES:
        text = path.read_text()
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                place = f"{path.relative_to(SOURCE)}:{node.lineno} {node.name}"
                lengths[place] = (node.end_lineno or node.lineno) - node.lineno + 1
    long_files = [str(p) for p in FILES if len(p.read_text().splitlines()) > LINES_OF_A_FILE]
    assert long_files == []
    assert [place for place, lines in lengths.items() if lines > LINES_OF_A_FUNCTION] == []
    over = sum(lines > LINES_OF_MOST_FUNCTIONS for lines in lengths.values())
    assert over <= 0.05 * len(lengths)


def test_every_module_says_why_it_exists() -> None:
    bare = [str(p) for p in FILES if not ast.get_docstring(ast.parse(p.read_text() or "''"))]
    assert bare == []
