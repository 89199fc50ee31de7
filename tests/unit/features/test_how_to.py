"""What the how-to shows is run as it stands; commands that need a running server are not."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from dovetail.features.cli import commands

PAGE = Path(__file__).parents[3] / "docs/how-to/features.md"
BLOCK = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```", re.M | re.S)


def test_the_how_to_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    lines: list[str] = []
    for language, options, body in BLOCK.findall(PAGE.read_text()):
        if "file=" in options:
            Path(options.split("file=")[1].strip()).write_text(body)
        elif language == "python" and "no-run" not in options:
            exec(compile(body, str(PAGE), "exec"), names)
        lines += re.findall(r"^\$ dovetail features (.*)$", body, re.M)
    names["questions"].write_parquet("questions.parquet")
    for line in lines:
        if line.split()[0] in ("check", "list", "join", "sql"):
            done = CliRunner().invoke(commands, shlex.split(line))
            assert done.exit_code == 0, (line, done.output, done.exception)


def test_the_page_of_definitions_runs() -> None:
    for language, _, body in BLOCK.findall((PAGE.parent / "features-definitions.md").read_text()):
        assert language == "python"
        exec(compile(body, str(PAGE), "exec"), {})


def test_the_page_of_the_catalogue_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for _, options, body in BLOCK.findall((PAGE.parent / "features-catalogue.md").read_text()):
        if "file=" in options:
            Path(options.split("file=")[1].strip()).write_text(body)
            exec(compile(body, str(PAGE), "exec"), {})
        for line, said in re.findall(r"^\$ dovetail features (.*)\n((?:[^$].*\n)*)", body, re.M):
            if "--url" in line:
                continue
            done = CliRunner().invoke(commands, shlex.split(line))
            assert done.exit_code == 0, (line, done.output, done.exception)
            assert said in done.stdout, line
            if line.startswith("twins"):
                assert "defined alike" in done.stdout
                assert "correlated" in done.stdout


def test_the_page_of_suggestions_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for _, options, body in BLOCK.findall((PAGE.parent / "features-suggest.md").read_text()):
        if "file=" in options:
            exec(compile(body, str(PAGE), "exec"), {})
        joined = body.replace("\\\n", " ")
        for line in re.findall(r"^\$ dovetail features (.*)$", joined, re.M):
            done = CliRunner().invoke(commands, shlex.split(line))
            assert done.exit_code == 0, (line, done.output, done.exception)


def test_the_page_of_applying_says_what_happens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    codes = []
    for _, options, body in BLOCK.findall((PAGE.parent / "features-apply.md").read_text()):
        if "file=" in options:
            Path(options.split("file=")[1].strip()).write_text(body)
        said = ""
        for line in re.findall(r"^\$ dovetail features (.*)$", body, re.M):
            done = CliRunner().invoke(commands, shlex.split(line, comments=True))
            said += f"$ dovetail features {line}\n{done.output}"
            codes.append((line.split()[0], done.exit_code))
        if "BREAKS" in body:
            assert said == body
    assert codes == [
        ("plan", 4), ("apply", 0), ("use", 0), ("versions", 0),
        ("plan", 3),
        ("apply", 0), ("use", 0), ("use", 0), ("list", 0),
    ]  # fmt: skip
