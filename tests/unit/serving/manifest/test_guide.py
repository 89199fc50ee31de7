"""The guide's commands write what they are said to write, as they stand."""

import re
import shlex
from pathlib import Path

import pytest

GUIDE = Path(__file__).parents[4] / "docs/how-to/serving-kubernetes.md"
TEXT = GUIDE.read_text() if GUIDE.exists() else ""
COMMANDS = [
    line.partition(" | ")[0]
    for line in re.findall(r"^\$ dovetail serving manifest (.*)$", TEXT, re.MULTILINE)
]
GRAPH = "".join(re.findall(r"^```yaml\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL))


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_the_guide_works_as_it_stands(write, folder, command):
    (folder / "graph.yaml").write_text(GRAPH)
    assert write(*shlex.split(command)) or "--output" in command


@pytest.mark.skipif(not TEXT, reason="the guides are not beside these tests")
def test_the_guide_has_commands():
    assert len(COMMANDS) > 5
