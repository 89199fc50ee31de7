"""What the how-to shows is run as it stands; commands that need a running server are not."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from dovetail.data.cli import commands

PAGE = Path(__file__).parents[3] / "docs/how-to/data.md"
BLOCK = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```", re.M | re.S)


def test_the_how_to_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for language, _, body in BLOCK.findall(PAGE.read_text()):
        if language == "python":
            exec(compile(body, str(PAGE), "exec"), names)
        for line in re.findall(r"^\$ dovetail data (.*)$", body, re.M):
            done = CliRunner().invoke(commands, shlex.split(line, comments=True))
            assert done.exit_code == 0, (line, done.output, done.exception)
