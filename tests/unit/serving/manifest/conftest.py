"""What the tests of manifests share: the command line, in this process."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from dovetail import cli

Write = Callable[..., list[dict[str, Any]]]
Refuse = Callable[..., tuple[int, str]]
TREES = "tree\nversion=v4\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder with a model file."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "late.txt").write_text(TREES)
    return tmp_path


@pytest.fixture
def write(folder: Path, capsys: pytest.CaptureFixture[str]) -> Write:
    """Run the command; the objects that it writes."""

    def run(*arguments: str) -> list[dict[str, Any]]:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli.main(["serving", "manifest", *arguments])
        out, err = capsys.readouterr()
        assert ended.value.code == 0, err
        return list(yaml.safe_load_all(out))

    return run


@pytest.fixture
def refuse(folder: Path, capsys: pytest.CaptureFixture[str]) -> Refuse:
    """Run the command wrongly; its exit code and message."""

    def run(*arguments: str) -> tuple[int, str]:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli.main(["serving", "manifest", *arguments])
        out, err = capsys.readouterr()
        assert out == "", "what is refused must write nothing"
        return int(ended.value.code or 0), err

    return run


@pytest.fixture
def graph_file(folder: Path) -> Callable[[str], str]:
    """Write a graph; its path."""

    def write_graph(text: str) -> str:
        (folder / "graph.yaml").write_text(text)
        return "graph.yaml"

    return write_graph
