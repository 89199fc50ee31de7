"""The how-to of comparing two tables is true: its Python runs, its commands are typed."""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "monitoring-report.md"
pytestmark = pytest.mark.skipif(not PAGE.exists(), reason="the pages are not in this copy")


def blocks(kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", PAGE.read_text(), flags=re.S)


@pytest.mark.parametrize("number", range(len(blocks("python")) if PAGE.exists() else 0))
def test_the_python_of_the_how_to_runs(number):
    exec(compile(blocks("python")[number], PAGE.name, "exec"), {})
