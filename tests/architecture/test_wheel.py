"""The wheel holds everything that a server needs, and nothing else."""

import zipfile
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def contents(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if ".dist-info/" not in name}


def test_it_holds_every_tracked_source_file(contents: set[str], root: Path) -> None:
    source = root / "src"
    expected = {
        str(path.relative_to(source))
        for path in source.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert contents == expected


@pytest.mark.parametrize("kind", [".html", ".css", ".js", "vendor.toml", "py.typed"])
def test_it_holds_pages_and_types(contents: set[str], kind: str) -> None:
    assert [name for name in contents if name.endswith(kind)]


def test_it_holds_no_stray_file(contents: set[str]) -> None:
    kinds = {Path(name).suffix for name in contents}
    allowed = {
        ".py",
        ".typed",
        ".html",
        ".css",
        ".js",
        ".svg",
        ".toml",
        ".txt",
        ".json",
        ".LICENSE",
    }
    assert kinds <= allowed
    assert {name.split("/")[0] for name in contents} == {"dovetail"}
