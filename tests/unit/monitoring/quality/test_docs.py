"""The how-to is true: its Python runs as it stands."""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[4] / "docs" / "how-to" / "monitoring-performance.md"


@pytest.mark.skipif(not PAGE.exists(), reason="the pages are not in this copy")
def test_the_python_of_the_how_to_runs(capsys):
    text = PAGE.read_text()
    for code in re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL):
        exec(compile(code, PAGE.name, "exec"), {})
    said = capsys.readouterr().out
    note = "0 of 800 labels have arrived: nothing is realised yet, only estimates can be given"
    assert said.startswith(note)
    assert note in text
    assert "\nTrue 2026-03-0" in said
