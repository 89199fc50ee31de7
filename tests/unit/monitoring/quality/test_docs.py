"""The how-to is true: its Python runs as it stands."""

import re
import shlex
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[4] / "docs" / "how-to" / "monitoring-performance.md"


pytestmark = pytest.mark.skipif(not PAGE.exists(), reason="the pages are not in this copy")


def test_the_python_of_the_how_to_runs(capsys):
    text = PAGE.read_text()
    for code in re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL):
        exec(compile(code, PAGE.name, "exec"), {})
    said = capsys.readouterr().out
    note = "0 of 800 labels have arrived: nothing is realised yet, only estimates can be given"
    assert said.startswith(note)
    assert note in text
    assert "\nTrue 2026-03-0" in said


def test_the_calls_of_the_how_to_are_answered(server, log):
    at = "2013-04-01T06:00:00Z"
    server.send(
        log.request("r", [[0.5], [3.0], [1.0]], columns=["wind"], at=at),
        log.response("r", [0.1, 0.8, 0.3], at=at),
        log.outcomes("o", {("r", 0): 0.0, ("r", 1): 1.0}),
    )
    calls = re.findall(r"^\$ (curl .*)$", PAGE.read_text(), flags=re.MULTILINE)
    assert len(calls) == 2
    for call in calls:
        path = shlex.split(call)[1].removeprefix("http://127.0.0.1:8080/monitoring")
        found = server.get(path)
        assert found
