"""What the page shows is run as it stands; what needs a running server is not."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from dovetail.labels.cli import commands

PAGE = Path(__file__).parents[4] / "docs/how-to/labels-audit.md"
BLOCK = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```", re.M | re.S)


def test_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    said = []
    for language, _, body in BLOCK.findall(PAGE.read_text()):
        if language == "python":
            exec(compile(body, str(PAGE), "exec"), names)
        for line in re.findall(r"^\$ dovetail labels (.*)$", body, re.M):
            if "--from" not in line:
                done = CliRunner().invoke(commands, shlex.split(line), catch_exceptions=False)
                assert done.exit_code in (0, 1), done.output
                said.append(done.output)
    assert Path("audit.html").stat().st_size < 300_000
    assert "by predictions" in said[0]
    assert "by gold" in said[1]
    assert "by people" in said[2]
    assert "eve" in said[2]
