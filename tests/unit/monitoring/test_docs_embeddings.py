"""The page on texts, images and vectors is true: its Python runs and says what it says."""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "monitoring-embeddings.md"
pytestmark = pytest.mark.skipif(not PAGE.exists(), reason="the pages are not in this copy")


def test_the_python_of_the_page_runs(capsys):
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(), flags=re.S)
    exec(compile("\n".join(blocks), "monitoring-embeddings.md", "exec"), {})
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("False True ")
    assert second == "True"
