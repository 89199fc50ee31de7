"""What the page about learning shows can be typed."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest

from dovetail.labels.cli import commands
from dovetail.labels.learning import Pool, strategy_names

PAGE = (Path(__file__).parents[4] / "docs/how-to/labels-learning.md").read_text()
COMMANDS = re.findall(r"^\$ dovetail labels (.+)$", PAGE, re.MULTILINE)


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_takes_what_is_typed(line: str, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("config.xml").write_text("<View/>")
    name, *arguments = shlex.split(line)
    command = commands.commands[name]
    assert command.make_context(name, arguments).params


@pytest.mark.parametrize("option", sorted(set(re.findall(r"`(--[a-z-]+)", PAGE))))
def test_every_option_that_is_named_is_there(option: str) -> None:
    known = {
        text
        for name in ("learn", "backend")
        for one in commands.commands[name].params
        for text in [*one.opts, *one.secondary_opts]
    }
    assert option in known


def test_the_table_of_strategies_is_complete() -> None:
    table = PAGE[PAGE.index("| name | what it takes |") :].partition("\n\n")[0]
    assert sorted(re.findall(r"`([a-z-]+)`", table)) == strategy_names()


def test_the_strategy_on_the_page_works() -> None:
    code = next(
        part for part in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL) if "def " in part
    )
    given: dict[str, object] = {}
    exec(code, given)
    points = np.array([[1.0], [9.0], [3.0]])
    found = given["longest"](Pool(None, points, points[:0]), 2)  # type: ignore[operator]
    assert found.tolist() == [1, 2]
