"""The documentation covers the code: what is generated is current, what is written is reachable."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import yaml


@pytest.fixture(scope="module")
def generator(root: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("tools_docs", root / "tools/docs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_setting_command_route_metric_and_error_is_in_the_reference(root: Path) -> None:
    """In a process of its own: other tests register metrics and errors of their own."""
    done = subprocess.run(
        [sys.executable, "tools/docs.py", "--check"], cwd=root, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-4000:]


@pytest.mark.parametrize("topic", ["metrics", "routes", "settings", "errors"])
def test_every_entry_of_the_reference_says_what_it_is(root: Path, topic: str) -> None:
    lines = (root / f"docs/reference/{topic}.md").read_text().splitlines()
    assert [line for line in lines if re.search(r"\|\s*\|$", line)] == []


def test_examples_in_help_keep_their_lines(root: Path) -> None:
    text = (root / "docs/reference/commands.md").read_text()
    assert "\\b" not in text, "click's \\b was escaped: the docstring is raw"


def test_a_difference_is_shown(generator: ModuleType, root: Path) -> None:
    page = (root / "docs/reference/errors.md").read_text()
    assert generator.differences({"errors.md": page}) == []
    changed = generator.differences({"errors.md": page + "one more line\n"})
    assert changed[-1] == "+one more line"


def test_every_page_is_in_the_navigation(root: Path) -> None:
    def leaves(entry: object) -> list[str]:
        if isinstance(entry, str):
            return [entry]
        inner = entry.values() if isinstance(entry, dict) else entry
        assert hasattr(inner, "__iter__")
        return [leaf for one in inner for leaf in leaves(one)]

    navigation = leaves(yaml.safe_load((root / "mkdocs.yml").read_text())["nav"])
    pages = {str(path.relative_to(root / "docs")) for path in (root / "docs").rglob("*.md")}
    assert set(navigation) == pages
